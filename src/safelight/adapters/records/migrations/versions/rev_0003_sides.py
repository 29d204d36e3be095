"""When the side of the store is to be cleared that an image was moved from.

A revision stands by itself: what the tables module says later does not change it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a moment to images, and an index over the few that have one."""
    op.add_column("image", sa.Column("clear_due_at", sa.DateTime(timezone=True)))
    due = sa.text("clear_due_at IS NOT NULL")
    op.create_index("ix_image_unclear", "image", ["clear_due_at"], sqlite_where=due, postgresql_where=due)
