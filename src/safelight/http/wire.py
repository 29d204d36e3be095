"""The JSON that comes in and goes out, parsed at the edge: past here no dict travels."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from safelight.deeds.permit import PartedUpload
from safelight.domain import keys
from safelight.domain.errors import RequestInvalid
from safelight.domain.formats import OutputFormat
from safelight.domain.image import Attachment, Checksum, ChecksumAlgorithm, State
from safelight.domain.kind import MAX_RENDITIONS, Kind
from safelight.domain.owner import Owner, OwnerLimits
from safelight.domain.report import ImageReport, VariantReport
from safelight.journey.request import UploadRequest
from safelight.ports.multipart import MULTIPART
from safelight.ports.object_store import SignedUpload
from safelight.upkeep.review import Verdict

Word = Annotated[str, Meta(min_length=1, max_length=200, pattern="^[^\\u0000]*$")]
"""A name that the application gives to something of its own. No database keeps a character 0."""

Transport = Annotated[
    Annotated[str, Meta(max_length=20)] | None,
    Meta(
        description=(
            "How the bytes are to be sent: `put`; `post` for a form; `multipart` in parts, where the storage takes "
            "them. By default `put`, or `multipart` for a large file"
        )
    ),
]

DIGEST_BYTES = {ChecksumAlgorithm.CRC32C: 4, ChecksumAlgorithm.SHA256: 32}


Shape = TypeVar("Shape")


def parse(body: bytes, shape: type[Shape]) -> Shape:
    """Return what the JSON of a request says; a number is a number and no text. Raises RequestInvalid."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.DecodeError as error:
        raise RequestInvalid(reason=str(error).removesuffix(".")) from None
    except UnicodeDecodeError:
        raise RequestInvalid(reason="the JSON is not UTF-8") from None
    except RecursionError:
        raise RequestInvalid(reason="the JSON is nested too deeply") from None


class AttachmentIn(Struct, forbid_unknown_fields=True, frozen=True):
    """The application's record that an image is for."""

    type: Annotated[Word, Meta(description="What sort of record it is, in the application's words, such as `user`")]
    id: Annotated[Word, Meta(description="The record's own id, as text")]


class ChecksumIn(Struct, forbid_unknown_fields=True, frozen=True):
    """A checksum of the file: `value` is base64 of the big-endian digest."""

    algorithm: Annotated[ChecksumAlgorithm, Meta(description="How it was computed")]
    value: Annotated[str, Meta(pattern="^[A-Za-z0-9+/]{6,43}={1,2}$", description="base64 of the big-endian digest")]

    def parsed(self) -> Checksum:
        """Return the domain's words for it. Raises RequestInvalid where it cannot be that of any file."""
        try:
            digest = base64.b64decode(self.value, validate=True)
        except binascii.Error:
            digest = b""
        if len(digest) != DIGEST_BYTES[self.algorithm] or base64.b64encode(digest).decode() != self.value:
            raise RequestInvalid(reason=f"checksum: the value is not base64 of a {self.algorithm}")
        return Checksum(self.algorithm, self.value)


class UploadRequestIn(Struct, forbid_unknown_fields=True, frozen=True):
    """What a client wants to upload; `size` in bytes. `owner` names the user that an API key acts for."""

    kind: Annotated[str, Meta(max_length=100, description="Name of the kind")]
    filename: Annotated[str, Meta(max_length=10_000, description="What the user calls the file; it decides nothing")]
    size: Annotated[int, Meta(ge=0, le=2**53, description="Bytes of the file, exactly; the kind sets the limit")]
    content_type: Annotated[
        str, Meta(max_length=200, description="MIME type, where known; one that the kind does not accept is refused")
    ] = ""
    checksum: Annotated[ChecksumIn | None, Meta(description="Other bytes than these are refused")] = None
    attach: Annotated[AttachmentIn | None, Meta(description="The record that the image is for")] = None
    transport: Transport = None
    owner: Annotated[Word | None, Meta(description="The user that an API key acts for")] = None

    def parsed(self) -> UploadRequest:
        """Return the domain's words for it. Raises RequestInvalid."""
        return UploadRequest(
            kind=self.kind,
            filename=self.filename,
            content_type=self.content_type,
            bytes=self.size,
            checksum=self.checksum.parsed() if self.checksum else None,
            attach=Attachment(self.attach.type, self.attach.id) if self.attach else None,
            transport=self.transport,
        )


class ResignIn(Struct, forbid_unknown_fields=True, frozen=True):
    """How a repeated upload is to be sent."""

    transport: Transport = None


class UploadOut(Struct, frozen=True):
    """What to call to upload the bytes, and until when.

    With `multipart` that gives the URLs of parts: there are `parts` of them, numbered from 1, of `part_bytes` each but
    for the last. `expires_at` is put off with each call.
    """

    transport: str
    method: str
    url: str
    headers: Mapping[str, str]
    fields: Mapping[str, str]
    expires_at: datetime
    part_bytes: int | None = None
    parts: int | None = None

    @classmethod
    def of(cls, upload: SignedUpload | PartedUpload, *, parts_url: str) -> "UploadOut":
        """Return the wire's words for a permission; `parts_url` gives the URLs of parts."""
        if isinstance(upload, PartedUpload):
            divided = upload.division
            return cls(MULTIPART, "POST", parts_url, {}, {}, upload.expires_at, divided.part_bytes, divided.count)
        return cls(
            upload.transport, upload.method, upload.url, dict(upload.headers), dict(upload.fields), upload.expires_at
        )


class RequestedOut(Struct, frozen=True):
    """A new image: its tokens, and the permission to upload it."""

    id: str
    status: State
    write_token: str
    read_token: str
    expires_at: datetime
    upload: UploadOut


class ResignedOut(Struct, frozen=True):
    """A fresh permission to upload."""

    upload: UploadOut


class TokensOut(Struct, frozen=True):
    """What shows a protected image: `Authorization: Bearer`, or `?read_token=` where no header can be set."""

    read_token: str


class VisibilityIn(Struct, forbid_unknown_fields=True, frozen=True):
    """Whether anybody may see the image, or only whoever may."""

    public: Annotated[bool, Meta(description="Whether anybody may see it")]


class VisibilityOut(Struct, frozen=True):
    """The image as it is now. `note` says what cannot be undone.

    `old_urls` are the public URLs of a protected image: they lead nowhere, but a CDN may have copies. Purge them there.
    """

    image: ImageReport
    note: str
    old_urls: Sequence[str]


class VerdictIn(Struct, forbid_unknown_fields=True, frozen=True):
    """What the application says of a held image. `reason` is for the audit log alone."""

    verdict: Annotated[Verdict, Meta(description="What becomes of the image")]
    reason: Annotated[
        Annotated[str, Meta(min_length=1, max_length=500, pattern="^[^\\u0000]*$")] | None,
        Meta(description="Why, for the audit log alone"),
    ] = None


class PageOut(Struct, frozen=True):
    """Images, newest first; `next` is the `after` of the next page."""

    images: Sequence[ImageReport]
    next: str | None


class GalleryIn(Struct, forbid_unknown_fields=True, frozen=True):
    """What a page wants to show: variants of images; `width` is the room for each, in pixels."""

    ids: Annotated[
        list[Annotated[str, Meta(pattern=f"^{keys.ID}$")]],
        Meta(min_length=1, max_length=1000, description="Ids of images, 32 hexadecimal digits each"),
    ]
    variants: Annotated[
        list[Annotated[str, Meta(max_length=100)]],
        Meta(min_length=1, max_length=MAX_RENDITIONS, description="Names of variants"),
    ]
    width: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="Room on the page, in pixels; the widest by default")
    ] = None
    format: Annotated[OutputFormat | None, Meta(description="By default the best that `Accept` takes")] = None


class ShownOut(Struct, frozen=True):
    """Where the variants of one image are. Signed URLs end at `expires_at`, which public ones have none of."""

    public: bool
    expires_at: datetime | None
    variants: Mapping[str, VariantReport]


class GalleryOut(Struct, frozen=True):
    """Images by id; what does not exist, or may not be seen, is left out."""

    images: Mapping[str, ShownOut]


class PlacedIn(Struct, forbid_unknown_fields=True, frozen=True):
    """Which image is to be at a place of a record; `position` counts from 0, and is after the last by default."""

    image_id: Annotated[str, Meta(pattern=f"^{keys.ID}$", description="Which image")]
    position: Annotated[
        Annotated[int, Meta(ge=0, le=2**31 - 1)] | None,
        Meta(description="Where, counted from 0; after the last by default"),
    ] = None


class AttachedOut(Struct, frozen=True):
    """What is attached to a record, by kind and in order: `images` are shown, `pending` ones may be yet."""

    images: Sequence[ImageReport]
    pending: Sequence[ImageReport]


class RemovedOut(Struct, frozen=True):
    """What was deleted with a record: `bytes` are those of the files as they were sent."""

    images: int
    bytes: int


class ErasedOut(Struct, frozen=True):
    """What was deleted of an owner; `audit_events` tell of it still, and stay until their retention ends."""

    owner: str
    images: int
    bytes: int
    renditions: int
    answers: int
    audit_events: int


class VariantOut(Struct, frozen=True):
    """A declared variant; sizes in pixels. A lazy one is rendered when it is first asked for."""

    fit: str
    widths: Sequence[int]
    height: int | None
    formats: Sequence[str]
    lazy: bool


class KindOut(Struct, frozen=True):
    """What a kind accepts, and what is made of it. `review` "before": nobody sees it until the application said so."""

    name: str
    accept: Sequence[str]
    content_types: Sequence[str]
    max_bytes: int
    max_pixels: int
    max_frames: int
    public: bool
    review: str | None = None
    variants: Mapping[str, VariantOut] = field(default_factory=dict)

    @classmethod
    def of(cls, kind: Kind) -> "KindOut":
        """Return what may be told of a kind."""
        return cls(
            name=kind.name,
            accept=kind.accept,
            content_types=[f"image/{fmt}" for fmt in kind.accept],
            max_bytes=kind.max_bytes,
            max_pixels=kind.max_pixels,
            max_frames=kind.max_frames,
            public=kind.public,
            review=kind.review,
            variants={
                name: VariantOut(variant.fit, variant.widths, variant.height, variant.formats, variant.lazy)
                for name, variant in kind.variants.items()
            },
        )


class KindsOut(Struct, frozen=True):
    """Every kind."""

    kinds: Sequence[KindOut]


class OwnerLimitsOut(Struct, frozen=True):
    """What one owner may use."""

    requests_per_minute: int
    open_uploads: int
    images: int
    bytes: int


class OwnerOut(Struct, frozen=True):
    """What an owner uses of what it may; `bytes` counts files as they were sent."""

    id: str
    images: int
    bytes: int
    open_uploads: int
    limits: OwnerLimitsOut
    blocked_at: datetime | None

    @classmethod
    def of(cls, owner: Owner, limits: OwnerLimits) -> "OwnerOut":
        """Return the wire's words for an owner."""
        may = OwnerLimitsOut(limits.requests_per_minute, limits.open_uploads, limits.images, limits.bytes)
        used = owner.used
        return cls(owner.id, used.images, used.bytes, used.open_uploads, may, owner.blocked_at)


class EventOut(Struct, frozen=True):
    """One server-sent event: `event` is `image`, `id` the revision, `data` the JSON of an ImageReport."""

    event: str
    id: str
    data: str


class ProblemOut(Struct, frozen=True):
    """An error: RFC 9457. `code` is stable; `retryable` says whether the same call can succeed later.

    Beside these stand the facts of a refusal, such as `used` and `allowed`: see the page of errors.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    request_id: str | None = None
