"""Which declaration of each kind is the current one, and which versions can work on this database.

A revision stands by itself: what the tables module says later does not change it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

SUPPORTS = "0003"


def upgrade() -> None:
    """Add tables alone."""
    op.create_table(
        "supported",
        sa.Column("oldest", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("oldest", name="pk_supported"),
    )
    op.create_table(
        "kind",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_kind"),
    )
    op.create_table(
        "declaration",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("variants", sa.String(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "digest", name="pk_declaration"),
    )
