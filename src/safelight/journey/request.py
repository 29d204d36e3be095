"""1 REQUEST: a caller asks to upload an image, and gets a record and a signed upload."""

from dataclasses import dataclass, replace
from datetime import timedelta

from safelight.deeds.permit import PartedUpload, Transport, permitted_upload
from safelight.deeds.place import find_room
from safelight.domain import filename
from safelight.domain.errors import DiskFull, EmptyFile, NotAllowed, TooLarge, TypeNotAccepted
from safelight.domain.events import Action, Origin
from safelight.domain.formats import media_type
from safelight.domain.image import Attachment, Checksum, Image, ImageId, NewImage
from safelight.domain.kind import Kind, Kinds
from safelight.domain.owner import Owner, OwnerLimits
from safelight.domain.policy import upload_by_role
from safelight.domain.who import Who
from safelight.ports.clock import Clock, Ids
from safelight.ports.object_store import ObjectStore, SignedUpload, Signer
from safelight.ports.policy import Policy
from safelight.ports.records import Records, Transaction


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """What a caller wants to upload; `bytes` is the size it declares."""

    kind: str
    filename: str
    content_type: str
    bytes: int
    checksum: Checksum | None = None
    attach: Attachment | None = None
    transport: str | None = None
    """How the bytes are to be sent; None leaves it to us."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds here: kinds, who asks their rules, how long an upload URL is good, what stays free, owners' limits.

    Files of over `multipart_above` bytes come in parts, where the store takes those.
    """

    kinds: Kinds
    policy: Policy
    upload_ttl: timedelta
    min_free_bytes: int
    owner_limits: OwnerLimits
    multipart_above: int


@dataclass(frozen=True, slots=True)
class Requested:
    """What a caller gets for asking. `owner` is what its owner uses by now; None where nobody was named."""

    image: Image
    upload: SignedUpload | PartedUpload
    owner: Owner | None


async def request_upload(
    wanted: UploadRequest,
    origin: Origin,
    *,
    rules: Rules,
    records: Records,
    objects: ObjectStore,
    signer: Signer,
    clock: Clock,
    ids: Ids,
) -> Requested:
    """See that this caller may upload such a file; create the record, and reserve its place; sign one upload.

    What nobody is named for is the application's own, and has no quota. Raises UnknownKind, NotAllowed, EmptyFile,
    TooLarge, TypeNotAccepted, UnsupportedTransport, DiskFull, RecordFull, OwnerBlocked, TooManyRequests,
    TooManyOpenUploads, QuotaExceeded.
    """
    kind = rules.kinds[wanted.kind]
    if not await _may_upload(kind, origin.who, wanted.attach, rules.policy):
        raise NotAllowed(action=f"upload images of kind {kind.name!r}")
    _check_declaration(wanted, kind)
    free = await objects.free_bytes()
    if free is not None and free < rules.min_free_bytes + wanted.bytes:
        raise DiskFull

    now = clock.now()
    new = NewImage(
        id=ImageId(ids.new()),
        kind=kind.name,
        public=kind.public and kind.review is None,  # no public URL works before the verdict
        hidden=kind.review is not None,
        owner=origin.who.id,
        attached_to=wanted.attach,
        filename=filename.clean(wanted.filename),
        declared_type=media_type(wanted.content_type),
        declared_bytes=wanted.bytes,
        checksum=wanted.checksum,
        created_at=now,
        expires_at=now + rules.upload_ttl,
    )
    how = Transport(wanted.transport, rules.multipart_above)
    permission = permitted_upload(new, 1, how, objects=objects, signer=signer, expires_at=new.expires_at)
    async with permission as permitted, records.transaction() as tx:
        position = await find_room(wanted.attach, kind, tx) if wanted.attach else 0
        owner = await _reserve(new, rules.owner_limits, tx)
        image = await tx.add(replace(new, position=position, multipart_id=permitted.multipart_id))
        await tx.audit(origin.event(Action.REQUESTED, at=now, image=image))
    return Requested(image, permitted.upload, owner)


async def _reserve(new: NewImage, limits: OwnerLimits, tx: Transaction) -> Owner | None:
    if new.owner is None:
        return None
    return await tx.owners.reserve(new.owner, size=new.declared_bytes, limits=limits, now=new.created_at)


async def _may_upload(kind: Kind, who: Who, target: Attachment | None, policy: Policy) -> bool:
    by_role = upload_by_role(who)
    return await policy.may_upload(kind, who, target) if by_role is None else by_role


def _check_declaration(wanted: UploadRequest, kind: Kind) -> None:
    if wanted.bytes < 1:
        raise EmptyFile
    if wanted.bytes > kind.max_bytes:
        raise TooLarge(actual=wanted.bytes, allowed=kind.max_bytes)
    if not kind.accepts(wanted.content_type):
        raise TypeNotAccepted(declared=wanted.content_type, accepted=" ".join(kind.accept))
