"""Signed requests to one bucket, for all that obstore has no call for; and what the server's refusals mean."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import httpx

from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.auth import NOTHING, UNSIGNED, SigV4
from safelight.adapters.s3.credentials import S3Credentials
from safelight.domain.errors import StorageFailed

TRIES = 5
FIRST_WAIT_S = 0.2
"""Doubled for each further try: three seconds in all, in which a gateway is started anew."""

PASSING = frozenset({429, 500, 502, 503, 504})
"""Statuses of what may be well in a moment."""

_ELSEWHERE = (
    "bucket {address.bucket} is not in region {address.region}, or not at {address.endpoint}",
    "Write its own, region=...",
)
_FULL = ("bucket {address.bucket} is full", "Make room, or raise its quota")
_KNOWN = {
    "NoSuchBucket": ("there is no bucket {address.bucket} at {address.endpoint}", "Make it, or name another one"),
    "RequestTimeTooSkewed": ("this machine's clock and that of {address.endpoint} differ", "Set them"),
    "PermanentRedirect": _ELSEWHERE,
    "AuthorizationHeaderMalformed": _ELSEWHERE,
    "IllegalLocationConstraintException": _ELSEWHERE,
    "QuotaExceeded": _FULL,
    "XMinioStorageFull": _FULL,
}
"""What some codes of S3 servers mean, and what to do.

The API Reference's "Error responses", and those of Ceph and MinIO.
"""

REACH_IT = "See that it runs and can be reached"

_REDIRECTED = "incorrectly configured region"
"""What obstore says of a redirect that leads nowhere."""

_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")


class S3Requests:
    """Requests to one bucket, signed; what may be repeated is tried again where the server has a bad moment."""

    def __init__(self, client: httpx.AsyncClient, address: S3Address, credentials: S3Credentials) -> None:
        self.address = address
        self._client = client
        self._sigv4 = SigV4(credentials, address.region)

    async def send(
        self,
        method: str,
        key: str = "",
        *,
        params: Mapping[str, str] = NOTHING,
        headers: Mapping[str, str] = NOTHING,
        content: bytes = b"",
    ) -> httpx.Response:
        """Return the answer about an object, or else the bucket, whatever its status. Raises StorageFailed."""
        for left in reversed(range(TRIES)):
            try:
                answer = await self._once(method, key, params, headers, content)
            except httpx.TransportError as error:
                if not left:
                    raise no_answer(self.address, error) from error
            else:
                if not left or answer.status_code not in PASSING:
                    return answer
            await asyncio.sleep(FIRST_WAIT_S * 2 ** (TRIES - 1 - left))
        raise AssertionError("the last try returns or raises")

    async def stream(
        self, key: str, content: AsyncIterable[bytes], *, size: int, headers: Mapping[str, str]
    ) -> httpx.Response:
        """PUT an object whose bytes come bit by bit, and return the answer. Raises StorageFailed."""
        url = self.address.url(key)
        named = {**headers, "content-length": str(size)}
        signed = self._sigv4.headers("PUT", url, named, payload=UNSIGNED, at=datetime.now(UTC))
        try:
            return await self._client.put(url, headers=signed, content=_exactly(content, size))
        except httpx.TransportError as error:
            raise no_answer(self.address, error) from error

    async def _once(
        self, method: str, key: str, params: Mapping[str, str], headers: Mapping[str, str], content: bytes
    ) -> httpx.Response:
        query = urlencode(sorted(params.items()), quote_via=quote)
        url = self.address.url(key) + (f"?{query}" if query else "")
        digest = hashlib.sha256(content).hexdigest()
        signed = self._sigv4.headers(method, url, headers, payload=digest, at=datetime.now(UTC))
        return await self._client.request(method, url, headers=signed, content=content)


async def _exactly(content: AsyncIterable[bytes], size: int) -> AsyncIterator[bytes]:
    """Pass on the pieces. Raises StorageFailed where they are not of that size: the server has not got all, then."""
    came = 0
    async for piece in content:
        came += len(piece)
        if came > size:
            break
        yield piece
    if came != size:
        raise StorageFailed(f"{size:,} bytes were to be written, and others came: nothing was")


def code_of(text: str) -> str:
    """Return the code of the error that a server told; empty where it told none."""
    found = _CODE.search(text)
    return found[1] if found else ""


def no_answer(address: S3Address, error: Exception) -> StorageFailed:
    """Return what it means that nothing came back."""
    return StorageFailed(f"{address.endpoint} gives no answer ({type(error).__name__})", REACH_IT)


def refusal(address: S3Address, status: int, text: str) -> StorageFailed:
    """Return what it means that the server refused; `text` is what it said."""
    code = code_of(text) or f"status {status}"
    if code in _KNOWN:
        meaning, cure = _KNOWN[code]
        return StorageFailed(f"{meaning.format(address=address)} ({code})", cure)
    if status in {401, 403}:
        return StorageFailed(
            f"bucket {address.bucket} refuses our credentials ({code})",
            "See that they are right, have not ended, and may read, write, list and delete there",
        )
    return StorageFailed(f"{address.endpoint} answers {code}")


def failure(address: S3Address, text: str) -> StorageFailed:
    """Return what it means that obstore gave up, by what it says."""
    status = _STATUS.search(text)
    if status or code_of(text):
        return refusal(address, int(status[1]) if status else 0, text)
    if _REDIRECTED in text:
        return refusal(address, 301, "<Code>PermanentRedirect</Code>")
    return StorageFailed(f"{address.endpoint} gives no answer", REACH_IT)
