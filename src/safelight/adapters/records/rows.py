"""Rows of the tables as the domain's records, and the other way round."""

from dataclasses import fields
from typing import Any

from sqlalchemy import Row

from safelight.domain.answer import KeptAnswer, Question
from safelight.domain.events import Action, AuditEvent, Delivery
from safelight.domain.image import Attachment, Checksum, Ending, Image, Look, NewImage, Rendition, State, Verified
from safelight.domain.owner import Owner, Usage
from safelight.domain.who import ApiKey, Scope
from safelight.ports.records import Changes

Values = dict[str, Any]
"""Column to value."""


def image_from(row: Row[Any]) -> Image:
    """Return the record of a row of `image`."""
    return Image(
        id=row.id,
        kind=row.kind,
        state=row.state,
        public=row.public,
        owner=row.owner,
        attached_to=Attachment(row.attached_type, row.attached_id) if row.attached_type is not None else None,
        filename=row.filename,
        declared_type=row.declared_type,
        declared_bytes=row.declared_bytes,
        checksum=Checksum(row.checksum_algorithm, row.checksum_value) if row.checksum_algorithm else None,
        upload_attempt=row.upload_attempt,
        attempt=row.attempt,
        token_generation=row.token_generation,
        revision=row.revision,
        verified=_verified_from(row),
        look=Look(row.placeholder, row.color) if row.placeholder is not None else None,
        original_kept=row.original_kept,
        ending=Ending(row.ending_code, row.ending_message) if row.ending_code is not None else None,
        created_at=row.created_at,
        expires_at=row.expires_at,
        lease_until=row.lease_until,
        next_attempt_at=row.next_attempt_at,
        ready_at=row.ready_at,
        purged_at=row.purged_at,
        reprocess_wanted_at=row.reprocess_wanted_at,
        reprocess_tries=row.reprocess_tries,
        hidden=row.hidden,
        attached_at=row.attached_at,
        position=row.position,
        clear_due_at=row.clear_due_at,
        multipart_id=row.multipart_id,
    )


def _verified_from(row: Row[Any]) -> Verified | None:
    if row.sha256 is None:
        return None
    return Verified(
        content_type=row.content_type,
        bytes=row.bytes,
        sha256=row.sha256,
        width=row.width,
        height=row.height,
        renditions_expected=row.renditions_expected,
    )


def new_image_values(new: NewImage) -> Values:
    """Return the row of an image that was just requested."""
    attached, checksum = new.attached_to, new.checksum
    return {
        "id": new.id,
        "kind": new.kind,
        "state": State.REQUESTED,
        "public": new.public,
        "owner": new.owner,
        "attached_type": attached.type if attached else None,
        "attached_id": attached.id if attached else None,
        "filename": new.filename,
        "declared_type": new.declared_type,
        "declared_bytes": new.declared_bytes,
        "checksum_algorithm": checksum.algorithm if checksum else None,
        "checksum_value": checksum.value if checksum else None,
        "upload_attempt": 1,
        "attempt": 0,
        "token_generation": 0,
        "revision": 0,
        "original_kept": False,
        "created_at": new.created_at,
        "expires_at": new.expires_at,
        "hidden": new.hidden,
        "attached_at": new.created_at if attached else None,
        "position": new.position,
        "multipart_id": new.multipart_id,
    }


def changed_values(changes: Changes) -> Values:
    """Return the columns that `changes` change, besides `next_attempt_at`."""
    plain: Values = {
        "upload_attempt": changes.upload_attempt,
        "expires_at": changes.expires_at,
        "ready_at": changes.ready_at,
        "original_kept": changes.original_kept,
        "hidden": changes.hidden,
        "public": changes.public,
        "attempt": changes.attempt,
        "reprocess_wanted_at": changes.reprocess_wanted_at,
    }
    values = {column: value for column, value in plain.items() if value is not None}
    if changes.ending is not None:
        values |= {"ending_code": changes.ending.code, "ending_message": changes.ending.message}
    return values | look_values(changes.look)


def look_values(look: Look | None) -> Values:
    """Return the columns of a look; none where there is no look."""
    return {} if look is None else {"placeholder": look.placeholder, "color": look.color}


def verified_values(verified: Verified) -> Values:
    """Return the columns that say what the bytes are."""
    return {
        "content_type": verified.content_type,
        "bytes": verified.bytes,
        "sha256": verified.sha256,
        "width": verified.width,
        "height": verified.height,
        "renditions_expected": verified.renditions_expected,
    }


NOTHING_OF_ITS_FILE: Values = {
    "filename": "",
    **dict.fromkeys(("checksum_algorithm", "checksum_value", "placeholder", "color")),
    **dict.fromkeys(("content_type", "bytes", "sha256", "width", "height", "renditions_expected")),
}
"""The columns that tell of an image's file, empty."""


def rendition_from(row: Row[Any], *, prefix: str = "") -> Rendition:
    """Return the record of a row of `rendition`, whose columns may stand beside others under names with a prefix."""
    names = [name.name for name in fields(Rendition)]
    return Rendition(**{name: row._mapping[prefix + name] for name in names})  # noqa: SLF001 - public by its documentation


def delivery_from(row: Row[Any]) -> Delivery:
    """Return the record of a row of `delivery`."""
    return Delivery(
        id=row.id,
        image_id=row.image_id,
        event=row.event,
        created_at=row.created_at,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        settled_at=row.settled_at,
        last_error=row.last_error,
    )


def audit_from(row: Row[Any]) -> AuditEvent:
    """Return the record of a row of `audit_event`."""
    return AuditEvent(
        at=row.at,
        action=Action(row.action),
        actor=row.actor,
        image_id=row.image_id,
        result=row.result,
        address=row.address,
        request_id=row.request_id,
        owner=row.owner,
        target=row.target,
    )


def api_key_from(row: Row[Any]) -> ApiKey:
    """Return the record of a row of `api_key`."""
    return ApiKey(
        id=row.id,
        name=row.name,
        secret_sha256=row.secret_sha256,
        scopes=frozenset(map(Scope, row.scopes.split())),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        expires_at=row.expires_at,
    )


def api_key_values(key: ApiKey) -> Values:
    """Return the row of a key."""
    return {
        "id": key.id,
        "name": key.name,
        "secret_sha256": key.secret_sha256,
        "scopes": " ".join(sorted(key.scopes)),
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
        "expires_at": key.expires_at,
    }


def owner_from(row: Row[Any]) -> Owner:
    """Return the record of a row of `owner`."""
    used = Usage(row.images, row.bytes, row.open_uploads)
    return Owner(row.id, used, row.minute, row.requests, row.blocked_at)


def answer_from(row: Row[Any]) -> KeptAnswer:
    """Return the record of a row of `answer`."""
    question = Question(row.caller, row.key, row.digest)
    return KeptAnswer(question, row.claimed_until, row.expires_at, row.sealed)
