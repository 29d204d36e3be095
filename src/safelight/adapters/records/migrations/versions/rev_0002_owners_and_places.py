"""Owners' quotas, places of the application's records, kept answers; images that are hidden; keys that end.

A revision stands by itself: what the tables module says later does not change it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.String(32)
MOMENT = sa.DateTime(timezone=True)

EVENTS = "event IN ('image.ready', 'image.held', 'image.rejected', 'image.failed', 'image.deleted')"
DELIVERY = "id, image_id, event, created_at, attempts, next_attempt_at, settled_at, last_error"


def upgrade() -> None:
    """Add tables and columns, and count what owners use."""
    extend_image()
    create_owner()
    create_place()
    create_answer()
    extend_audit_event()
    op.add_column("api_key", sa.Column("expires_at", MOMENT))
    if op.get_bind().dialect.name == "sqlite":
        copy_delivery()
    else:
        op.drop_constraint(op.f("ck_delivery_webhookevent"), "delivery")
        op.create_check_constraint(op.f("ck_delivery_webhookevent"), "delivery", sa.text(EVENTS))


def extend_image() -> None:
    """Add what hides an image, and its place among the images of its record."""
    op.add_column("image", sa.Column("hidden", sa.Boolean, server_default=sa.false(), nullable=False))
    op.add_column("image", sa.Column("attached_at", MOMENT))
    op.add_column("image", sa.Column("position", sa.Integer, server_default="0", nullable=False))
    op.execute("UPDATE image SET attached_at = created_at WHERE attached_type IS NOT NULL")


def create_owner() -> None:
    """Create the owners, with what they use by now."""
    op.create_table(
        "owner",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("images", sa.Integer, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("open_uploads", sa.Integer, nullable=False),
        sa.Column("minute", sa.BigInteger, nullable=False),
        sa.Column("requests", sa.Integer, nullable=False),
        sa.Column("blocked_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_owner"),
    )
    op.execute(
        "INSERT INTO owner (id, images, bytes, open_uploads, minute, requests) "
        "SELECT owner, count(*), sum(declared_bytes), sum(CASE WHEN state = 'requested' THEN 1 ELSE 0 END), 0, 0 "
        "FROM image WHERE owner IS NOT NULL "
        "AND state IN ('requested', 'uploaded', 'processing', 'held', 'ready', 'failed') GROUP BY owner"
    )


def create_place() -> None:
    """Create the rows that are locked where images are attached."""
    op.create_table(
        "place",
        sa.Column("type", sa.String, nullable=False),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("changes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("type", "id", "kind", name="pk_place"),
    )


def create_answer() -> None:
    """Create the answers that are kept for repeated calls."""
    op.create_table(
        "answer",
        sa.Column("caller", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("claimed_until", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("sealed", sa.LargeBinary),
        sa.PrimaryKeyConstraint("caller", "key", name="pk_answer"),
    )
    op.create_index("ix_answer_expires", "answer", ["expires_at"])


def extend_audit_event() -> None:
    """Add whose image an event is about, and what else it is about."""
    op.add_column("audit_event", sa.Column("owner", sa.String))
    op.add_column("audit_event", sa.Column("target", sa.String))
    named = sa.text("owner IS NOT NULL")
    op.create_index("ix_audit_event_owner", "audit_event", ["owner", "id"], sqlite_where=named, postgresql_where=named)
    op.create_index("ix_audit_event_actor", "audit_event", ["actor", "id"])


def copy_delivery() -> None:
    """Let there be a further event. SQLite changes no CHECK, so that the table is made anew."""
    for index in ("ix_delivery_image", "ix_delivery_unsettled"):
        op.drop_index(index, "delivery")
    op.rename_table("delivery", "old_delivery")
    op.create_table(
        "delivery",
        sa.Column("id", ID, nullable=False),
        sa.Column("image_id", ID, nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", MOMENT, nullable=False),
        sa.Column("settled_at", MOMENT),
        sa.Column("last_error", sa.String),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name="fk_delivery_image_id_image"),
        sa.CheckConstraint(EVENTS, name=op.f("ck_delivery_webhookevent")),
    )
    op.execute(f"INSERT INTO delivery ({DELIVERY}) SELECT {DELIVERY} FROM old_delivery")  # noqa: S608 - fixed words
    op.drop_table("old_delivery")
    unsettled = sa.text("settled_at IS NULL")
    op.create_index("ix_delivery_image", "delivery", ["image_id"])
    op.create_index("ix_delivery_unsettled", "delivery", ["settled_at", "created_at"], sqlite_where=unsettled)
