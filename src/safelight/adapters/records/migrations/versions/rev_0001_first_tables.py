"""The first tables: images, renditions, deliveries, the audit log, API keys.

A revision stands by itself: what the tables module says later does not change it.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.String(32)
MOMENT = sa.DateTime(timezone=True)
COUNTER = sa.BigInteger().with_variant(sa.Integer, "sqlite")

STATES = ("requested", "uploaded", "processing", "held", "ready", "rejected", "failed", "expired", "deleted")
DUE = "coalesce(next_attempt_at, created_at)"


def upgrade() -> None:
    """Create everything."""
    create_image()
    create_rendition()
    create_delivery()
    create_audit_event()
    create_api_key()


def create_image() -> None:
    """Create the images and the indexes that lists and upkeep need."""
    op.create_table(
        "image",
        sa.Column("id", ID),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("public", sa.Boolean, nullable=False),
        sa.Column("owner", sa.String),
        sa.Column("attached_type", sa.String),
        sa.Column("attached_id", sa.String),
        sa.Column("filename", sa.String, nullable=False),
        sa.Column("declared_type", sa.String, nullable=False),
        sa.Column("declared_bytes", sa.BigInteger, nullable=False),
        sa.Column("checksum_algorithm", sa.String(32)),
        sa.Column("checksum_value", sa.String),
        sa.Column("upload_attempt", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("token_generation", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("content_type", sa.String),
        sa.Column("bytes", sa.BigInteger),
        sa.Column("sha256", sa.String(64)),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
        sa.Column("renditions_expected", sa.Integer),
        sa.Column("placeholder", sa.String),
        sa.Column("color", sa.String),
        sa.Column("original_kept", sa.Boolean, nullable=False),
        sa.Column("ending_code", sa.String),
        sa.Column("ending_message", sa.String),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("lease_until", MOMENT),
        sa.Column("next_attempt_at", MOMENT),
        sa.Column("ready_at", MOMENT),
        sa.Column("purged_at", MOMENT),
        sa.Column("reprocess_wanted_at", MOMENT),
        sa.Column("reprocess_tries", sa.Integer, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_image"),
        whole("image", "attachment", "attached_type", "attached_id"),
        whole("image", "checksum", "checksum_algorithm", "checksum_value"),
        whole("image", "look", "placeholder", "color"),
        whole("image", "ending", "ending_code", "ending_message"),
        one_of("image", "state", "state", STATES),
        one_of("image", "checksumalgorithm", "checksum_algorithm", ("crc32c", "sha256")),
    )
    index("ix_image_kind", "image", ["kind", "id"])
    index("ix_image_state", "image", ["state", "id"])
    index("ix_image_owner", "image", ["owner", "id"], "owner IS NOT NULL")
    index("ix_image_attached", "image", ["attached_type", "attached_id", "id"], "attached_type IS NOT NULL")
    index("ix_image_requested", "image", ["state", "expires_at"], "state = 'requested'")
    index("ix_image_uploaded", "image", ["state", DUE], "state = 'uploaded'")
    index("ix_image_processing", "image", ["state", "lease_until"], "state = 'processing'")
    owed = "state IN ('deleted', 'expired', 'rejected') AND purged_at IS NULL"
    index("ix_image_unpurged", "image", ["purged_at", DUE], owed)
    wanted = "state = 'ready' AND reprocess_wanted_at IS NOT NULL"
    index("ix_image_wanted_again", "image", ["state", "coalesce(next_attempt_at, reprocess_wanted_at)"], wanted)
    index("ix_image_purged", "image", ["purged_at"], "purged_at IS NOT NULL")


def create_rendition() -> None:
    """Create the renditions, in the order in which they are read."""
    op.create_table(
        "rendition",
        sa.Column("image_id", ID, nullable=False),
        sa.Column("variant", sa.String, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("format", sa.String, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("retired_at", MOMENT),
        sa.PrimaryKeyConstraint("image_id", "variant", "width", "format", "fingerprint", name="pk_rendition"),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name="fk_rendition_image_id_image"),
    )
    index("ix_rendition_retired", "rendition", ["retired_at"], "retired_at IS NOT NULL")


def create_delivery() -> None:
    """Create the webhooks that are owed."""
    events = ("image.ready", "image.rejected", "image.failed", "image.deleted")
    op.create_table(
        "delivery",
        sa.Column("id", ID),
        sa.Column("image_id", ID, nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", MOMENT, nullable=False),
        sa.Column("settled_at", MOMENT),
        sa.Column("last_error", sa.String),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name="fk_delivery_image_id_image"),
        one_of("delivery", "webhookevent", "event", events),
    )
    index("ix_delivery_image", "delivery", ["image_id"])
    index("ix_delivery_unsettled", "delivery", ["settled_at", "created_at"], "settled_at IS NULL")


def create_audit_event() -> None:
    """Create the audit log."""
    op.create_table(
        "audit_event",
        sa.Column("id", COUNTER),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("image_id", ID),
        sa.Column("result", sa.String, nullable=False),
        sa.Column("address", sa.String),
        sa.Column("request_id", sa.String),
        sa.PrimaryKeyConstraint("id", name="pk_audit_event"),
    )
    index("ix_audit_event_image", "audit_event", ["image_id", "id"], "image_id IS NOT NULL")
    index("ix_audit_event_at", "audit_event", ["at"])


def create_api_key() -> None:
    """Create the API keys."""
    op.create_table(
        "api_key",
        sa.Column("id", sa.String),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("secret_sha256", sa.String(64), nullable=False),
        sa.Column("scopes", sa.String, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
    )


def whole(table: str, what: str, left: str, right: str) -> sa.CheckConstraint:
    """Return the rule that both columns are there, or neither."""
    return sa.CheckConstraint(f"({left} IS NULL) = ({right} IS NULL)", name=op.f(f"ck_{table}_{what}_is_whole"))


def one_of(table: str, what: str, column: str, words: Sequence[str]) -> sa.CheckConstraint:
    """Return the rule that a column holds one of these words."""
    listed = ", ".join(f"'{word}'" for word in words)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=op.f(f"ck_{table}_{what}"))


def index(name: str, table: str, columns: Sequence[str], where: str | None = None) -> None:
    """Create an index of columns or expressions, of all rows or of those where the condition holds."""
    part = None if where is None else sa.text(where)
    op.create_index(name, table, [sa.text(column) for column in columns], sqlite_where=part, postgresql_where=part)
