"""By what name the store knows an upload that comes in parts.

A revision stands by itself: what the tables module says later does not change it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

SUPPORTS = "0003"


def upgrade() -> None:
    """Add a name to images: of those that are there, none comes in parts."""
    op.add_column("image", sa.Column("multipart_id", sa.String()))
