"""What REQUEST asks for, and what it gives: a permission to upload one file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from safelight_client.image import Attachment, Status, status_of
from safelight_client.reading import Document, moment, optional, required, words


@dataclass(frozen=True, slots=True)
class Checksum:
    """A promise about the bytes: `algorithm` is sha256 or crc32c, `value` base64 of the big-endian digest."""

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be uploaded; `size` in bytes. `owner` is the user that an API key acts for."""

    kind: str
    filename: str
    size: int
    content_type: str
    attach: Attachment | None = None
    owner: str | None = None
    checksum: Checksum | None = None

    def document(self) -> dict[str, Any]:
        """Return the JSON that asks for it."""
        asked: dict[str, Any] = {
            "kind": self.kind,
            "filename": self.filename,
            "size": self.size,
            "content_type": self.content_type,
        }
        if self.attach:
            asked["attach"] = {"type": self.attach.type, "id": self.attach.id}
        if self.owner is not None:
            asked["owner"] = self.owner
        if self.checksum:
            asked["checksum"] = {"algorithm": self.checksum.algorithm, "value": self.checksum.value}
        return asked


@dataclass(frozen=True, slots=True)
class SignedUpload:
    """One permission to write one object: what to call, and until when. With `fields` it takes a form, file last.

    With the transport `multipart` it gives the URLs of parts: so many `parts`, each of `part_bytes` but for the last.
    """

    transport: str
    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str]
    fields: Mapping[str, str] = field(repr=False)
    expires_at: datetime | None
    part_bytes: int | None = None
    parts: int | None = None

    @classmethod
    def parse(cls, document: Document) -> Self:
        """Return what the JSON says. Raises InvalidAnswer."""
        return cls(
            transport=required(document, "transport", str),
            method=required(document, "method", str),
            url=required(document, "url", str),
            headers=words(document, "headers"),
            fields=words(document, "fields"),
            expires_at=moment(document, "expires_at"),
            part_bytes=optional(document, "part_bytes", int),
            parts=optional(document, "parts", int),
        )


@dataclass(frozen=True, slots=True)
class SignedPart:
    """One permission to send one part, of exactly so many bytes."""

    number: int
    bytes: int
    url: str = field(repr=False)

    @classmethod
    def parse(cls, document: Document) -> Self:
        """Return what the JSON says. Raises InvalidAnswer."""
        return cls(required(document, "number", int), required(document, "bytes", int), required(document, "url", str))


@dataclass(frozen=True, slots=True)
class Ticket:
    """A new image: its tokens, and where its bytes go. Hand it to whoever holds the file, such as a browser."""

    id: str
    status: Status
    write_token: str = field(repr=False)
    read_token: str = field(repr=False)
    expires_at: datetime | None
    upload: SignedUpload

    @classmethod
    def parse(cls, document: Document) -> Self:
        """Return what the JSON says. Raises InvalidAnswer."""
        return cls(
            id=required(document, "id", str),
            status=status_of(document),
            write_token=required(document, "write_token", str),
            read_token=required(document, "read_token", str),
            expires_at=moment(document, "expires_at"),
            upload=SignedUpload.parse(required(document, "upload", dict)),
        )
