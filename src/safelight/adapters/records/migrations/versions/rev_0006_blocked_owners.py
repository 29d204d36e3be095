"""An index by which to list the few owners that are blocked.

A revision stands by itself: what the tables module says later does not change it.
"""

import sqlalchemy as sa

from safelight.adapters.records.migrations.online import create_index

revision = "0006"
down_revision = "0005"

SUPPORTS = "0003"


def upgrade() -> None:
    """Make the index."""
    create_index("ix_owner_blocked", "owner", ["id"], where=sa.text("blocked_at IS NOT NULL"))
