"""Everything that is asked of the records, by name: each is tried on either database to be served by an index."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from safelight.adapters.records.transaction import SqlTransaction
from safelight.domain.answer import Question
from safelight.domain.declaration import Declaration
from safelight.domain.events import Action, AuditEvent, Delivery
from safelight.domain.image import Attachment, ImageId, State
from safelight.domain.jobs import DeliveryId, ProcessImage
from safelight.domain.owner import OwnerLimits
from safelight.domain.who import ApiKey, ApiKeyId, Scope
from safelight.ports.snapshot import AuditFilter, ImageFilter
from safelight.testing.fakes import NOW
from safelight.testing.samples import VERIFIED, new_image, rendition

IMAGE = ImageId("1" * 32)
MANY = [IMAGE, ImageId("2" * 32)]
LATER = NOW + timedelta(hours=1)
PLENTY = OwnerLimits(requests_per_minute=10, open_uploads=10, images=10, bytes=10)

Work = Callable[[SqlTransaction], Awaitable[object]]


async def _page(which: ImageFilter, tx: SqlTransaction) -> None:
    for after in (None, IMAGE):
        await tx.page(which, after=after, limit=10)


async def _log(which: AuditFilter, tx: SqlTransaction) -> None:
    await tx.audit_log(which, after=None, limit=10)


async def _latest(which: AuditFilter, tx: SqlTransaction) -> None:
    await tx.audit_latest(which, limit=10)


async def _attach(tx: SqlTransaction) -> None:
    image = await tx.places.stay(new_image().id)
    await tx.places.lock(RECORD, image.kind)
    await tx.places.attach(image.id, RECORD, position=0, at=NOW)
    await tx.places.arrange([image.id])


LISTS = [
    ImageFilter(kind=kind, state=state, owner=owner, attached_to=record)
    for kind in (None, "avatar")
    for state in (None, State.UPLOADED, State.READY, State.DELETED)
    for owner in (None, "me")
    for record in (None, Attachment("user", "1"))
]
"""Every combination of what GET /v1/images takes."""

LOGS = [
    AuditFilter(image_id=image_id, owner=owner, since=since)
    for image_id in (None, IMAGE)
    for owner in (None, "me")
    for since in (None, LATER)
]
"""Every combination of what `safelight audit` takes."""

QUESTION = Question("user:me", "once", "d" * 64)
CLAIMED = {"now": NOW, "until": LATER, "expires_at": LATER}
RECORD = Attachment("user", "1")
DECLARED = Declaration("avatar", {"thumb": "a" * 16})
KEY = ApiKey(ApiKeyId("k1"), "shop", "a" * 64, frozenset({Scope.READ}), NOW)
OWED = Delivery.owed(DeliveryId("d" * 32), new_image().id, State.READY, at=NOW)
EVENT = AuditEvent(NOW, Action.READY, "system", IMAGE)

WORK: dict[str, Work] = {
    "image": lambda tx: tx.image(new_image().id),
    "images": lambda tx: tx.images(MANY),
    **{f"page {number}": partial(_page, which) for number, which in enumerate(LISTS)},
    "attached": lambda tx: tx.attached(RECORD),
    "attached of a kind": lambda tx: tx.attached(RECORD, "avatar"),
    "shown": lambda tx: tx.shown(MANY, ["thumb"]),
    "owner": lambda tx: tx.owner("me"),
    "list_owners": lambda tx: tx.list_owners(after="me", limit=10),
    "list_owners blocked": lambda tx: tx.list_owners(after="me", limit=10, blocked=True),
    "counted": lambda tx: tx.counted("me"),
    "reserve": lambda tx: tx.owners.reserve("me", size=1, limits=PLENTY, now=NOW),
    "hold owners": lambda tx: tx.owners.hold(["me", "you"]),
    "block": lambda tx: tx.owners.block("me", at=NOW),
    "unblock": lambda tx: tx.owners.unblock("me"),
    "see_unblocked": lambda tx: tx.owners.see_unblocked("me"),
    "recount": lambda tx: tx.owners.recount("me"),
    "forget an owner": lambda tx: tx.owners.forget("me", MANY),
    "renditions": lambda tx: tx.renditions(IMAGE),
    "renditions_of": lambda tx: tx.renditions_of(MANY),
    "awaiting_work": lambda tx: tx.awaiting_work(NOW, limit=10),
    "awaiting_work abandoned": lambda tx: tx.awaiting_work(NOW, limit=10, abandoned=True),
    "unconfirmed": lambda tx: tx.unconfirmed(NOW, limit=10),
    "awaiting_reprocess": lambda tx: tx.awaiting_reprocess(NOW, limit=10),
    "renditions_of retired": lambda tx: tx.renditions_of(MANY, retired_since=NOW),
    "retire_renditions": lambda tx: tx.retire_renditions(IMAGE, [rendition(IMAGE), rendition(IMAGE, "card")], at=NOW),
    "settle_reprocess": lambda tx: tx.settle_reprocess(IMAGE, wanted_at=NOW),
    "forget_retired": lambda tx: tx.forget_retired(NOW, limit=10),
    "forget_purged": lambda tx: tx.forget_purged(NOW, limit=10),
    "forget_audit": lambda tx: tx.forget_audit(NOW, limit=10),
    "unpurged": lambda tx: tx.unpurged(NOW, limit=10),
    "unclear": lambda tx: tx.unclear(NOW, limit=10),
    "settle a side": lambda tx: tx.sides.settle(IMAGE, due_at=NOW),
    "owe a side": lambda tx: tx.sides.owe(new_image().id, at=NOW),
    "delivery": lambda tx: tx.delivery(DeliveryId("1" * 32)),
    "add_delivery": lambda tx: tx.add_delivery(OWED),
    "unsettled_deliveries": lambda tx: tx.unsettled_deliveries(NOW, limit=10),
    "api_key": lambda tx: tx.api_key(KEY.id),
    "api_keys": lambda tx: tx.api_keys(),
    "add_api_key": lambda tx: tx.add_api_key(KEY),
    "revoke_api_key": lambda tx: tx.revoke_api_key(KEY.id, at=NOW),
    "expire_api_key": lambda tx: tx.expire_api_key(KEY.id, at=NOW),
    "audit": lambda tx: tx.audit(EVENT, EVENT),
    **{f"audit_log {number}": partial(_log, which) for number, which in enumerate(LOGS)},
    "audit_log further": lambda tx: tx.audit_log(AuditFilter(since=NOW), after=10, limit=10),
    **{f"audit_latest {number}": partial(_latest, which) for number, which in enumerate(LOGS)},
    "audit_count": lambda tx: tx.audit_count(AuditFilter(owner="me")),
    "counts": lambda tx: tx.counts(at_most=10),
    "oldest_waiting": lambda tx: tx.oldest_waiting(),
    "hold": lambda tx: tx.hold(MANY),
    "move": lambda tx: tx.move(new_image().id, was=State.REQUESTED, now=State.UPLOADED),
    "resign": lambda tx: tx.resign(new_image().id, upload_attempt=2, expires_at=LATER),
    "prolong": lambda tx: tx.prolong(new_image().id, upload_attempt=1, expires_at=LATER),
    "revoke_tokens": lambda tx: tx.revoke_tokens(new_image().id),
    "drop_renditions": lambda tx: tx.drop_renditions(IMAGE, [rendition(IMAGE), rendition(IMAGE, "card")]),
    "postpone": lambda tx: tx.postpone(new_image().id, was=State.REQUESTED, until=LATER),
    "note_delivery": lambda tx: tx.note_delivery(
        DeliveryId("1" * 32), attempts=1, next_attempt_at=LATER, settled_at=None, last_error=None
    ),
    "enqueue": lambda tx: tx.enqueue(ProcessImage(new_image().id)),
    "claim an answer": lambda tx: tx.answers.claim(QUESTION, **CLAIMED),
    "keep an answer": lambda tx: tx.answers.keep(QUESTION, claimed_until=LATER, sealed=b"sealed"),
    "drop an answer": lambda tx: tx.answers.drop(QUESTION, claimed_until=LATER),
    "forget answers": lambda tx: tx.answers.forget(NOW, limit=10),
    "forget answers to an owner": lambda tx: tx.answers.forget_owner("me"),
    "declare": lambda tx: tx.declarations.declare(DECLARED, at=NOW),
    "adopt": lambda tx: tx.declarations.adopt(DECLARED, at=NOW),
    "declared": lambda tx: tx.declared("avatar"),
    "every_declared": lambda tx: tx.every_declared(),
    "hold places": lambda tx: tx.places.hold([RECORD]),
    "forget places": lambda tx: tx.places.forget(RECORD),
    "attach": lambda tx: _attach(tx),  # noqa: PLW0108 - these are defined below
    "work on an image": lambda tx: work_on_an_image(tx),  # noqa: PLW0108
    "render an image again": lambda tx: render_again(tx),  # noqa: PLW0108
}

WHOLE: dict[str, str] = {
    "answers.release": "a process that is alone lets go of every claim, once, before it serves",
}
"""Methods that no index serves, and why they need none."""


async def work_on_an_image(tx: SqlTransaction) -> None:
    image = await tx.move(new_image().id, was=State.REQUESTED, now=State.UPLOADED)
    taken = await tx.take(image, now=State.PROCESSING, lease_until=LATER)
    assert taken is not None
    await tx.note_verified(image.id, attempt=1, verified=VERIFIED, look=None)
    await tx.add_rendition(rendition(image.id), attempt=1)
    await tx.move(image.id, was=State.PROCESSING, now=State.DELETED)
    await tx.note_purged(image.id, at=NOW)


async def render_again(tx: SqlTransaction) -> None:
    image = await tx.move(new_image().id, was=State.REQUESTED, now=State.UPLOADED)
    taken = await tx.take(image, now=State.PROCESSING, lease_until=LATER)
    assert taken is not None
    ready = await tx.move(image.id, was=State.PROCESSING, now=State.READY)
    await tx.want_reprocess(image.id, at=NOW)
    begun = await tx.begin_reprocess(await tx.image(ready.id), next_attempt_at=LATER)
    assert begun is not None
    moved = await tx.set_public(image.id, attempt=begun.attempt, public=False)
    await tx.sides.take(moved, clear_due_at=LATER)
