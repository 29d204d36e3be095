"""Requests for uploads, and the permissions that answer them."""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from safelight.deeds.permit import PartedUpload
from safelight.domain.errors import RequestInvalid
from safelight.domain.image import Attachment, Checksum, ChecksumAlgorithm, State
from safelight.http.wire.parse import Word
from safelight.journey.request import UploadRequest
from safelight.ports.multipart import MULTIPART
from safelight.ports.object_store import SignedUpload

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
