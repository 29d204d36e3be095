"""An index by which to count how many images of an owner wait.

A revision stands by itself: what the tables module says later does not change it.
"""

import sqlalchemy as sa

from safelight.adapters.records.migrations.online import create_index

revision = "0005"
down_revision = "0004"

SUPPORTS = "0003"


def upgrade() -> None:
    """Make the index."""
    waiting = sa.text("state = 'uploaded' AND owner IS NOT NULL")
    create_index("ix_image_waiting", "image", ["state", "owner"], where=waiting)
