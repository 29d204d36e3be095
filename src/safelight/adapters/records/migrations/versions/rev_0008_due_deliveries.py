"""An index by which to find the webhooks that are due, however many others wait for a later try.

A revision stands by itself: what the tables module says later does not change it.
"""

import sqlalchemy as sa

from safelight.adapters.records.migrations.online import create_index

revision = "0008"
down_revision = "0007"

SUPPORTS = "0003"


def upgrade() -> None:
    """Make the index."""
    create_index("ix_delivery_due", "delivery", ["settled_at", "next_attempt_at"], where=sa.text("settled_at IS NULL"))
