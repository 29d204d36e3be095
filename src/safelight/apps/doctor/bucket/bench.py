"""Where the probes of a bucket are made: what they write has keys of an image that never was, and is removed again."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx

from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.auth import SigV4
from safelight.adapters.s3.credentials import open_credentials
from safelight.adapters.s3.requests import S3Requests, code_of
from safelight.adapters.s3.signer import S3Signer
from safelight.adapters.system import SystemIds
from safelight.apps.doctor.finding import Finding, fine, wrong
from safelight.apps.storage import open_uploader, signer_of
from safelight.domain import keys
from safelight.domain.delivery import content_type
from safelight.domain.errors import StorageFailed
from safelight.domain.image import ImageId
from safelight.domain.keys import Key
from safelight.ports.clock import Clock
from safelight.ports.object_store import SignedUpload
from safelight.settings import Settings

ANSWERS_WITHIN_S = 15.0
CONTENT = b"A probe of safelight doctor."
OTHER_CONTENT = CONTENT.swapcase()
DECLARED = "image/jpeg"
FINGERPRINT = "0" * 16


@dataclass
class Bench:
    """A bucket under examination."""

    settings: Settings
    address: S3Address
    requests: S3Requests
    uploader: S3Requests | None
    """The same bucket with the credentials that only sign uploads, where there are such."""
    parts: SigV4
    """What the parts of an upload are signed by."""
    signer: S3Signer
    http: httpx.AsyncClient
    clock: Clock
    image_id: ImageId
    written: set[Key] = field(default_factory=set)
    _attempts: int = 0

    def incoming(self) -> Key:
        """Return a key that a client may write, another one each time."""
        self._attempts += 1
        return self._noted(keys.incoming(self.image_id, self.clock.now(), self._attempts))

    def original(self) -> Key:
        """Return the key of a private object."""
        return self._noted(keys.original(self.image_id))

    def public(self) -> Key:
        """Return the key of a public object."""
        return self._noted(Key(f"{keys.folder(self.image_id, public=True)}probe-{FINGERPRINT}-1.webp"))

    async def put(self, key: Key, content: bytes = CONTENT) -> None:
        """Write an object as we do. Raises StorageFailed."""
        headers = {"content-type": content_type(key)}
        answer = await self.requests.send("PUT", key, headers=headers, content=content)
        if not answer.is_success:
            raise StorageFailed(f"it cannot be written: {answer.status_code} {code_of(answer.text)}")

    def sign(self, key: Key, *, size: int = len(CONTENT), ends_in: timedelta | None = None) -> SignedUpload:
        """Return the permission that a client would get."""
        return self._signed(key, size, "put", self.clock.now() + (ends_in or self.settings.upload_ttl))

    def form(self, key: Key, *, ends_in: timedelta | None = None) -> SignedUpload:
        """Return the permission that a client of a form would get."""
        return self._signed(key, len(CONTENT), "post", self.clock.now() + (ends_in or self.settings.upload_ttl))

    async def upload(
        self,
        upload: SignedUpload,
        content: bytes = CONTENT,
        *,
        url: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """PUT what was signed, or something else. Raises httpx.HTTPError."""
        return await self.http.put(url or upload.url, content=content, headers={**upload.headers, **(headers or {})})

    async def post(
        self, upload: SignedUpload, content: bytes = CONTENT, *, fields: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """POST the form that was signed, or another one. Raises httpx.HTTPError."""
        file = {"file": ("probe.jpg", content, DECLARED)}
        return await self.http.post(upload.url, data={**upload.fields, **(fields or {})}, files=file)

    async def read(self, key: Key) -> bytes | None:
        """Return an object's bytes, read as we do; None where it is not there. Raises StorageFailed."""
        answer = await self.requests.send("GET", key)
        return answer.content if answer.is_success else None

    async def clean(self) -> None:
        """Remove whatever was written, as far as that can be done."""
        for key in self.written:
            with suppress(StorageFailed):
                await self.requests.send("DELETE", key)

    def _signed(self, key: Key, size: int, transport: str, expires_at: datetime) -> SignedUpload:
        return self.signer.sign_upload(
            key,
            declared_bytes=size,
            content_type=DECLARED,
            checksum=None,
            expires_at=expires_at,
            transport=transport,
        )

    def _noted(self, key: Key) -> Key:
        self.written.add(key)
        return key


@asynccontextmanager
async def open_bench(address: S3Address, settings: Settings, clock: Clock) -> AsyncIterator[Bench]:
    """Open a bucket for probes, and remove at the end what they wrote. Raises StorageFailed without credentials."""
    async with (
        open_credentials(address.aws_profile) as credentials,
        open_uploader(address, settings) as uploader,
        httpx.AsyncClient(timeout=ANSWERS_WITHIN_S) as http,
    ):
        bench = Bench(
            settings=settings,
            address=address,
            requests=S3Requests(http, address, credentials),
            uploader=S3Requests(http, address, uploader) if uploader else None,
            parts=SigV4(uploader or credentials, address.region),
            signer=signer_of(address, credentials, settings, uploader=uploader),
            http=http,
            clock=clock,
            image_id=ImageId(SystemIds().new()),
        )
        try:
            yield bench
        finally:
            await bench.clean()


def said(answer: httpx.Response) -> str:
    """Return what a server answered, in a few words."""
    return " ".join(word for word in (str(answer.status_code), code_of(answer.text)) if word)


def see_refused(name: str, what: str, answer: httpx.Response, cure: str) -> list[Finding]:
    """See that a client was refused: by an answer that says that the fault is its own."""
    if answer.is_client_error:
        return fine(name, f"{what} is refused ({said(answer)})")
    return wrong(name, f"{what} is not refused ({said(answer)})", cure)
