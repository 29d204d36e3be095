"""Everything that is asked of the records, by name: each is tried on either database to be served by an index."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from safelight.adapters.records.transaction import SqlTransaction
from safelight.domain.image import Attachment, ImageId, State
from safelight.domain.jobs import DeliveryId, ProcessImage
from safelight.domain.owner import OwnerLimits
from safelight.domain.who import ApiKeyId
from safelight.ports.snapshot import ImageFilter
from safelight.testing.fakes import NOW
from safelight.testing.samples import VERIFIED, new_image, rendition

IMAGE = ImageId("1" * 32)
MANY = [IMAGE, ImageId("2" * 32)]
LATER = NOW + timedelta(hours=1)
PLENTY = OwnerLimits(requests_per_minute=10, open_uploads=10, images=10, bytes=10)

Work = Callable[[SqlTransaction], Awaitable[object]]

WORK: dict[str, Work] = {
    "image": lambda tx: tx.images([IMAGE]),
    "images": lambda tx: tx.images(MANY),
    "page": lambda tx: tx.page(ImageFilter(), after=IMAGE, limit=10),
    "page of a kind": lambda tx: tx.page(ImageFilter(kind="avatar"), after=IMAGE, limit=10),
    "page in a state": lambda tx: tx.page(ImageFilter(state=State.READY), after=None, limit=10),
    "page of an owner": lambda tx: tx.page(ImageFilter(owner="me"), after=None, limit=10),
    "page of a record": lambda tx: tx.page(ImageFilter(attached_to=Attachment("user", "1")), after=None, limit=10),
    "page of an owner in a state": lambda tx: tx.page(
        ImageFilter(owner="me", state=State.UPLOADED), after=None, limit=10
    ),
    "owner": lambda tx: tx.owner("me"),
    "list_owners": lambda tx: tx.list_owners(after="me", limit=10),
    "list_owners blocked": lambda tx: tx.list_owners(after="me", limit=10, blocked=True),
    "counted": lambda tx: tx.counted("me"),
    "reserve": lambda tx: tx.owners.reserve("me", size=1, limits=PLENTY, now=NOW),
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
    "delivery": lambda tx: tx.delivery(DeliveryId("1" * 32)),
    "unsettled_deliveries": lambda tx: tx.unsettled_deliveries(NOW, limit=10),
    "api_key": lambda tx: tx.api_key(ApiKeyId("k1")),
    "audit_of": lambda tx: tx.audit_of(IMAGE),
    "counts": lambda tx: tx.counts(at_most=10),
    "oldest_waiting": lambda tx: tx.oldest_waiting(),
    "move": lambda tx: tx.move(new_image().id, was=State.REQUESTED, now=State.UPLOADED),
    "resign": lambda tx: tx.resign(new_image().id, upload_attempt=2, expires_at=LATER),
    "prolong": lambda tx: tx.prolong(new_image().id, upload_attempt=1, expires_at=LATER),
    "drop_renditions": lambda tx: tx.drop_renditions(IMAGE, [rendition(IMAGE), rendition(IMAGE, "card")]),
    "postpone": lambda tx: tx.postpone(new_image().id, was=State.REQUESTED, until=LATER),
    "note_delivery": lambda tx: tx.note_delivery(
        DeliveryId("1" * 32), attempts=1, next_attempt_at=LATER, settled_at=None, last_error=None
    ),
    "revoke_api_key": lambda tx: tx.revoke_api_key(ApiKeyId("k1"), at=NOW),
    "enqueue": lambda tx: tx.enqueue(ProcessImage(IMAGE)),
    "work on an image": lambda tx: work_on_an_image(tx),  # noqa: PLW0108 - it is defined below
}


async def work_on_an_image(tx: SqlTransaction) -> None:
    image = await tx.move(new_image().id, was=State.REQUESTED, now=State.UPLOADED)
    taken = await tx.take(image, now=State.PROCESSING, lease_until=LATER)
    assert taken is not None
    await tx.note_verified(image.id, attempt=1, verified=VERIFIED, look=None)
    await tx.add_rendition(rendition(image.id), attempt=1)
    await tx.move(image.id, was=State.PROCESSING, now=State.DELETED)
    await tx.note_purged(image.id, at=NOW)
