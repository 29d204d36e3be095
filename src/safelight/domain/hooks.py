"""What a kind may ask of the application and of others: its rules, and whoever scans its files."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from safelight.domain.errors import KindInvalid
from safelight.domain.image import Attachment, Image
from safelight.domain.who import Who

UploadRule = Callable[[Who, Attachment | None], bool | Awaitable[bool]]
"""Decides whether a user may upload for a target. It may be a coroutine function."""

ViewRule = Callable[[Who, Image], bool | Awaitable[bool]]
"""Decides whether a user may see an image. It may be a coroutine function."""

Scan = Callable[[AsyncIterator[bytes]], Awaitable[bool]]
"""A coroutine function that reads the bytes of a file, and says whether they are clean: True or False.

What it raises, and whatever else it returns, counts as no answer.
"""


@dataclass(frozen=True, slots=True)
class Webhook:
    """The application decides, asked over HTTP, signed with SAFELIGHT_WEBHOOK_SECRET. No answer in time is a refusal.

    `url`: where it is asked.

    Raises KindInvalid where the URL is none.
    """

    url: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise KindInvalid(f"rules={self.url!r} is no http or https URL")


@dataclass(frozen=True, slots=True)
class ClamAV:
    """ClamAV's daemon scans every file before it is decoded.

    `address`: `host:port`, or the path of a Unix socket such as Debian's.

    Raises KindInvalid for any other address.
    """

    address: str = "/run/clamav/clamd.ctl"

    def __post_init__(self) -> None:
        host, _, port = self.address.rpartition(":")
        if not (self.address.startswith("/") or (host and port.isdigit())):
            raise KindInvalid(f"ClamAV({self.address!r}): the address is host:port, or the path of a socket")
