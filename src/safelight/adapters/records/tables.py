"""The tables: one schema for SQLite and Postgres. Its history is in `migrations/`; a test sees that both agree."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    Enum,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    exists,
    false,
    func,
    literal,
)
from sqlalchemy.types import TypeDecorator

from safelight.domain.events import WebhookEvent
from safelight.domain.image import BYTES_OWED, HOLDING, ChecksumAlgorithm, State


class UtcDateTime(TypeDecorator[datetime]):
    """Moments, aware of their zone on both ways, in UTC, to the microsecond; as text on SQLite they sort by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Take any zone, but no moment without one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Give UTC back; SQLite has dropped the zone."""
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ID = String(32)
COUNTER = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where the type is INTEGER."""


def one_of(words: type[StrEnum]) -> Enum:
    """Return the type of a column that holds one of `words`, as text with a CHECK."""
    return Enum(
        words, name=words.__name__.lower(), native_enum=False, create_constraint=True, length=32, values_callable=list
    )


image = Table(
    "image",
    metadata,
    Column("id", ID, primary_key=True),
    Column("kind", String, nullable=False),
    Column("state", one_of(State), nullable=False),
    Column("public", Boolean, nullable=False),
    Column("owner", String),
    Column("attached_type", String),
    Column("attached_id", String),
    Column("filename", String, nullable=False),
    Column("declared_type", String, nullable=False),
    Column("declared_bytes", BigInteger, nullable=False),
    Column("checksum_algorithm", one_of(ChecksumAlgorithm)),
    Column("checksum_value", String),
    Column("upload_attempt", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("token_generation", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("content_type", String),
    Column("bytes", BigInteger),
    Column("sha256", String(64)),
    Column("width", Integer),
    Column("height", Integer),
    Column("renditions_expected", Integer),
    Column("placeholder", String),
    Column("color", String),
    Column("original_kept", Boolean, nullable=False),
    Column("ending_code", String),
    Column("ending_message", String),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("lease_until", UtcDateTime),
    Column("next_attempt_at", UtcDateTime),
    Column("ready_at", UtcDateTime),
    Column("purged_at", UtcDateTime),
    Column("reprocess_wanted_at", UtcDateTime),
    Column("reprocess_tries", Integer, nullable=False, server_default="0"),
    Column("hidden", Boolean, nullable=False, server_default=false()),
    Column("attached_at", UtcDateTime),
    Column("position", Integer, nullable=False, server_default="0"),
    Column("clear_due_at", UtcDateTime),
    Column("multipart_id", String),
    CheckConstraint("(attached_type IS NULL) = (attached_id IS NULL)", name="attachment_is_whole"),
    CheckConstraint("(checksum_algorithm IS NULL) = (checksum_value IS NULL)", name="checksum_is_whole"),
    CheckConstraint("(placeholder IS NULL) = (color IS NULL)", name="look_is_whole"),
    CheckConstraint("(ending_code IS NULL) = (ending_message IS NULL)", name="ending_is_whole"),
)

rendition = Table(
    "rendition",
    metadata,
    # In the order of the primary key renditions are read.
    Column("image_id", ID, ForeignKey("image.id"), primary_key=True),
    Column("variant", String, primary_key=True),
    Column("width", Integer, primary_key=True),
    Column("format", String, primary_key=True),
    Column("fingerprint", String, primary_key=True),
    Column("height", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("retired_at", UtcDateTime),
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", ID, primary_key=True),
    Column("image_id", ID, ForeignKey("image.id"), nullable=False),
    Column("event", one_of(WebhookEvent), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("settled_at", UtcDateTime),
    Column("last_error", String),
)

audit_event = Table(
    "audit_event",
    metadata,
    Column("id", COUNTER, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    # No CHECK: on SQLite a new word would mean to copy the largest table of all.
    Column("action", String, nullable=False),
    Column("actor", String, nullable=False),
    # No foreign key: the log outlives what it tells of.
    Column("image_id", ID),
    Column("result", String, nullable=False),
    Column("address", String),
    Column("request_id", String),
    Column("owner", String),
    Column("target", String),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("secret_sha256", String(64), nullable=False),
    Column("scopes", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("expires_at", UtcDateTime),
)

owner = Table(
    "owner",
    metadata,
    Column("id", String, primary_key=True),
    Column("images", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("open_uploads", Integer, nullable=False),
    Column("minute", BigInteger, nullable=False),
    Column("requests", Integer, nullable=False),
    Column("blocked_at", UtcDateTime),
)

place = Table(
    "place",
    metadata,
    # Nothing but a row to lock: what is there, the images say.
    Column("type", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("changes", BigInteger, nullable=False),
)

answer = Table(
    "answer",
    metadata,
    Column("caller", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("claimed_until", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("sealed", LargeBinary),
)

kind = Table(
    "kind",
    metadata,
    # Whoever declares a kind anew, or adopts an older declaration, locks its row.
    Column("name", String, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("since", UtcDateTime, nullable=False),
)

declaration = Table(
    "declaration",
    metadata,
    Column("kind", String, primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("variants", String, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
)

supported = Table(
    "supported",
    metadata,
    # One row: the oldest revision whose code can work on this database.
    Column("oldest", ID, primary_key=True),
)


def in_state(*states: State) -> ColumnElement[bool]:
    """Return the condition that an image is in one of these states.

    The words stand in the SQL itself, so that a database sees that an index made for them serves.
    """
    words = [literal(state, type_=image.c.state.type, literal_execute=True) for state in states]
    return image.c.state == words[0] if len(words) == 1 else image.c.state.in_(words)


DUE = func.coalesce(image.c.next_attempt_at, image.c.created_at)
"""Since when, or from when on, an image is due for a look: from the beginning, where nothing else was noted."""

DUE_AGAIN = func.coalesce(image.c.next_attempt_at, image.c.reprocess_wanted_at)
"""From when on a ready image is due to be rendered again, where that is wanted."""

IS_WANTED_AGAIN = in_state(State.READY) & image.c.reprocess_wanted_at.is_not(None)
IS_SHOWN = rendition.c.retired_at.is_(None)
BYTES_ARE_OWED = in_state(*sorted(BYTES_OWED)) & image.c.purged_at.is_(None)
IS_UNSETTLED = delivery.c.settled_at.is_(None)
IS_OVER = in_state(*sorted(set(State) - HOLDING))
OWNER_IS_BLOCKED = exists().where(owner.c.id == image.c.owner, owner.c.blocked_at.is_not(None))


def _index(name: str, columns: Iterable[ColumnElement[Any]], where: ColumnElement[bool] | None = None) -> Index:
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


_index("ix_image_kind", [image.c.kind, image.c.id])
_index("ix_image_state", [image.c.state, image.c.id])
_index("ix_image_owner", [image.c.owner, image.c.id], image.c.owner.is_not(None))
_index(
    "ix_image_attached",
    [image.c.attached_type, image.c.attached_id, image.c.id],
    image.c.attached_type.is_not(None),
)
# What upkeep looks for is a small part of all images: these indexes stay small. Their first column is the same in every
# row, for SQLite's sake: without statistics, it prefers the index in which it can use more columns. Where that is NULL,
# queries must ORDER BY it as well, for Postgres's sake: it does not see that it is the same in every row.
_index("ix_image_requested", [image.c.state, image.c.expires_at], in_state(State.REQUESTED))
_index("ix_image_uploaded", [image.c.state, DUE], in_state(State.UPLOADED))
_index("ix_image_waiting", [image.c.state, image.c.owner], in_state(State.UPLOADED) & image.c.owner.is_not(None))
_index("ix_image_processing", [image.c.state, image.c.lease_until], in_state(State.PROCESSING))
_index("ix_image_unpurged", [image.c.purged_at, DUE], BYTES_ARE_OWED)
_index("ix_image_wanted_again", [image.c.state, DUE_AGAIN], IS_WANTED_AGAIN)
_index("ix_image_purged", [image.c.purged_at], image.c.purged_at.is_not(None))
_index("ix_image_unclear", [image.c.clear_due_at], image.c.clear_due_at.is_not(None))
_index("ix_rendition_retired", [rendition.c.retired_at], rendition.c.retired_at.is_not(None))
_index("ix_delivery_image", [delivery.c.image_id])
_index("ix_delivery_unsettled", [delivery.c.settled_at, delivery.c.created_at], IS_UNSETTLED)
_index("ix_delivery_due", [delivery.c.settled_at, delivery.c.next_attempt_at], IS_UNSETTLED)
_index("ix_audit_event_image", [audit_event.c.image_id, audit_event.c.id], audit_event.c.image_id.is_not(None))
_index("ix_audit_event_at", [audit_event.c.at])
_index("ix_audit_event_owner", [audit_event.c.owner, audit_event.c.id], audit_event.c.owner.is_not(None))
_index("ix_audit_event_actor", [audit_event.c.actor, audit_event.c.id])
_index("ix_owner_blocked", [owner.c.id], owner.c.blocked_at.is_not(None))
_index("ix_answer_expires", [answer.c.expires_at])
