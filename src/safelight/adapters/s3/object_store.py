"""Objects in a bucket: obstore moves the bytes; what it has no call for goes by signed requests of our own."""

from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError
from obstore.store import S3Store

from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.auth import SigV4
from safelight.adapters.s3.credentials import S3Credentials
from safelight.adapters.s3.listing import list_objects
from safelight.adapters.s3.multipart import S3Multipart
from safelight.adapters.s3.requests import S3Requests, code_of, failure, refusal
from safelight.domain import keys
from safelight.domain.delivery import PUBLIC_CACHING, content_type
from safelight.domain.errors import ObjectChanged, ObjectMissing, StorageFailed
from safelight.domain.keys import Key
from safelight.ports.object_store import StoredObject
from safelight.ports.observe import Observe, ignore, timed

if TYPE_CHECKING:  # they are names for type checkers alone
    from obstore import GetResult
    from obstore.store import S3Credential

READ_AT_ONCE = 1 << 20

CONNECT_WITHIN = timedelta(seconds=5)
SILENT_AT_MOST = timedelta(seconds=30)
"""Longer than any server thinks, and than a rendition takes on its way."""
WHOLE_AT_MOST = timedelta(hours=1)
"""How long one object may take, however steadily it flows."""

RETRIES = 4
FIRST_RETRY_AFTER = timedelta(milliseconds=200)
RETRY_WITHIN = timedelta(seconds=20)

ASKED_AGAIN_AFTER = timedelta(minutes=6)
"""obstore asks again for keys that end within 5 minutes: so it does every minute."""


class S3ObjectStore:
    """Objects in a bucket. Fulfils `ReceivingStore`. Made by `open_s3_store`.

    `observe` hears how many seconds each head, get, put, copy and delete took; of a get, until the first byte.
    """

    def __init__(self, store: S3Store, requests: S3Requests, uploader: SigV4, *, observe: Observe = ignore) -> None:
        self._store = store
        self._requests = requests
        self._address = requests.address
        self._observe = observe
        self._multipart = S3Multipart(requests, uploader)

    @property
    def multipart(self) -> S3Multipart:
        """See `ObjectStore.multipart`."""
        return self._multipart

    async def head(self, key: Key) -> StoredObject:
        """See `ObjectStore.head`."""
        with self._calling("head", key):
            meta = await obstore.head_async(self._store, self._path(key))
        return StoredObject(key, meta["size"], _plain(meta["e_tag"]), meta["last_modified"])

    async def get(self, key: Key, *, if_match: str) -> AsyncIterator[bytes]:
        """See `ObjectStore.get`."""
        with self._calling("get", key):
            result = await self._opened(key, if_match)
        async for piece in self._pieces(result, key):
            yield piece

    async def put(self, key: Key, content: bytes, *, content_type: str) -> None:
        """See `ObjectStore.put`."""
        with self._calling("put", key):
            # It is whole in memory already: one request, and no parts that a cancelled one would leave behind.
            await obstore.put_async(
                self._store,
                self._path(key),
                content,
                attributes={"Content-Type": content_type, "Cache-Control": _caching(key)},
                use_multipart=False,
            )

    async def put_pieces(self, key: Key, pieces: AsyncIterable[bytes], *, size: int) -> None:
        """See `ReceivingStore.put_pieces`."""
        with self._calling("put", key):
            await self._stream(self._named(key), pieces, size)

    async def copy(self, source: Key, target: Key, *, if_match: str) -> None:
        """See `ObjectStore.copy`."""
        with self._calling("copy", source):
            if self._address.profile.copy_if_match:
                await self._copy_there(self._named(source), self._named(target), if_match)
            else:
                await self._copy_through_here(source, self._named(target), if_match)

    async def delete(self, key: Key) -> None:
        """See `ObjectStore.delete`."""
        with self._calling("delete", key):
            answer = await self._requests.send("DELETE", self._named(key))  # obstore gives up where a connection breaks
        if not answer.is_success and code_of(answer.text) != "NoSuchKey":
            raise refusal(self._address, answer.status_code, answer.text)

    def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """See `ObjectStore.list`."""
        return list_objects(self._requests, prefix)

    async def free_bytes(self) -> None:
        """See `ObjectStore.free_bytes`."""

    async def check(self) -> None:
        """See `ObjectStore.check`: the bucket is there, and can be listed."""
        answer = await self._requests.send("GET", params={"list-type": "2", "max-keys": "1"})
        if not answer.is_success:
            raise refusal(self._address, answer.status_code, answer.text)

    async def _copy_there(self, source: Key, target: Key, if_match: str) -> None:
        """Let the server copy what has that ETag."""
        wanted = {
            "x-amz-copy-source": quote(f"/{self._address.bucket}/{self._address.prefix}{source}", safe="/~"),
            "x-amz-copy-source-if-match": f'"{if_match}"',
            "x-amz-metadata-directive": "REPLACE",
        }
        answer = await self._requests.send("PUT", target, headers={**wanted, **_described(target)})
        if answer.status_code == httpx.codes.NOT_FOUND and "NoSuchKey" in answer.text:
            raise ObjectMissing(source)
        if answer.status_code == httpx.codes.PRECONDITION_FAILED:
            raise ObjectChanged(source)
        if not answer.is_success or "<Error>" in answer.text:  # AWS may begin to answer before it is done
            raise refusal(self._address, answer.status_code, answer.text)

    async def _copy_through_here(self, source: Key, target: Key, if_match: str) -> None:
        """Read what has that ETag, and write it piece by piece: this server would copy whatever is there."""
        result = await self._opened(source, if_match)
        await self._stream(target, self._pieces(result, source), result.meta["size"])

    async def _stream(self, target: Key, pieces: AsyncIterable[bytes], size: int) -> None:
        answer = await self._requests.stream(target, pieces, size=size, headers=_described(target))
        if not answer.is_success:
            raise refusal(self._address, answer.status_code, answer.text)

    async def _opened(self, key: Key, if_match: str) -> "GetResult":
        return await obstore.get_async(self._store, self._path(key), options={"if_match": f'"{if_match}"'})

    async def _pieces(self, result: "GetResult", key: Key) -> AsyncIterator[bytes]:
        with self._failures(key):
            async for chunk in result.stream(min_chunk_size=READ_AT_ONCE):
                view = memoryview(chunk)
                for start in range(0, len(view), READ_AT_ONCE):
                    yield bytes(view[start : start + READ_AT_ONCE])

    def _named(self, key: Key) -> Key:
        """Return a key that is one. Raises StorageFailed for other strings: nobody would look there."""
        if keys.parse(key) is None:
            raise StorageFailed(reason=f"{key!r} is no object key")
        return key

    def _path(self, key: Key) -> str:
        return self._address.prefix + self._named(key)

    @contextmanager
    def _calling(self, what: str, key: Key) -> Iterator[None]:
        with timed(what, self._observe), self._failures(key):
            yield

    @contextmanager
    def _failures(self, key: Key) -> Iterator[None]:
        """Turn what obstore raises into our errors."""
        try:
            yield
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise refusal(self._address, 404, str(error)) from _cause(error)
            raise ObjectMissing(key) from None
        except PreconditionError:
            raise ObjectChanged(key) from None
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise refusal(self._address, 403, str(error)) from _cause(error)
        except BaseError as error:
            raise failure(self._address, str(error)) from _cause(error)


@asynccontextmanager
async def open_s3_store(
    address: S3Address,
    credentials: S3Credentials,
    *,
    uploader: S3Credentials | None = None,
    observe: Observe = ignore,
    silent_at_most: timedelta = SILENT_AT_MOST,
) -> AsyncIterator[S3ObjectStore]:
    """Open a bucket, until the end of the block. Nothing is sent before the first call.

    With an `uploader`, the parts that clients send are signed with its credentials. A server that says nothing for
    `silent_at_most` counts as lost, and what it was asked is tried again or fails.
    """
    timeout = httpx.Timeout(silent_at_most.total_seconds(), connect=CONNECT_WITHIN.total_seconds())
    async with httpx.AsyncClient(timeout=timeout) as client:
        yield S3ObjectStore(
            _store(address, credentials, silent_at_most),
            S3Requests(client, address, credentials),
            SigV4(uploader or credentials, address.region),
            observe=observe,
        )


def _store(address: S3Address, credentials: S3Credentials, silent_at_most: timedelta) -> S3Store:
    """Return obstore's side. What it would take from AWS's environment variables is given, to be the same for all."""
    return S3Store(
        address.bucket,
        region=address.region,
        endpoint=address.obstore_endpoint,
        aws_endpoint_url_s3=address.obstore_endpoint,
        virtual_hosted_style_request=not address.path_style,
        skip_signature=False,
        credential_provider=lambda: _credential(credentials),
        client_options={
            "allow_http": address.endpoint.startswith("http://"),
            "connect_timeout": CONNECT_WITHIN,
            "read_timeout": silent_at_most,
            "timeout": WHOLE_AT_MOST,
        },
        retry_config={
            "max_retries": RETRIES,
            "retry_timeout": RETRY_WITHIN,
            "backoff": {"init_backoff": FIRST_RETRY_AFTER},
        },
    )


def _cause(error: Exception) -> Exception | None:
    """Return what may stand in a log as the cause: no answer of the server, which may repeat our session token."""
    return None if "<" in str(error) else error


def _credential(credentials: S3Credentials) -> "S3Credential":
    key = credentials.current()
    return {
        "access_key_id": key.access_key,
        "secret_access_key": key.secret_key,
        "token": key.token,
        "expires_at": datetime.now(UTC) + ASKED_AGAIN_AFTER if credentials.renewed else None,
    }


def _described(key: Key) -> Mapping[str, str]:
    """Return what is kept with an object: how it is sent to whoever reads it from the bucket itself."""
    return {"content-type": content_type(key), "cache-control": _caching(key)}


def _caching(key: Key) -> str:
    return PUBLIC_CACHING if key.startswith(keys.PUBLIC) else "private"


def _plain(etag: str | None) -> str:
    return (etag or "").strip('"')
