"""What goes wrong with a bucket is told without what the server says of the request."""

import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.credentials import AccessKey, S3Credentials
from safelight.adapters.s3.object_store import S3ObjectStore, open_s3_store
from safelight.domain.errors import StorageFailed
from safelight.domain.keys import Key

ORIGINAL = Key("private/0190aaaabbbbccccddddeeeeffff0123/original")
TOKEN = "a-session-token"

Call = Callable[[S3ObjectStore], Awaitable[object]]


class Repeats(BaseHTTPRequestHandler):
    """Refuses every request, and repeats what was signed, as AWS does."""

    def do_GET(self) -> None:
        """Refuse."""
        self.rfile.read(int(self.headers.get("content-length") or 0))
        signed = f"x-amz-security-token:{self.headers['x-amz-security-token']}"
        body = f"<Error><Code>SignatureDoesNotMatch</Code><CanonicalRequest>{signed}</CanonicalRequest></Error>"
        self.send_response(403)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_PUT = do_DELETE = do_GET  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def served() -> Iterator[int]:
    """Answer on a port of loopback until the end of the block."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Repeats) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
async def objects() -> AsyncIterator[S3ObjectStore]:
    credentials = S3Credentials(AccessKey("AKIDEXAMPLE", "secret", TOKEN))
    with served() as port:
        address = S3Address.parse(f"s3://bucket?profile=ceph&endpoint=http://127.0.0.1:{port}")
        async with open_s3_store(address, credentials) as objects:
            yield objects


async def read(objects: S3ObjectStore) -> None:
    """Read an object."""
    async for _ in objects.get(ORIGINAL, if_match="etag"):
        pass


@pytest.mark.parametrize(
    "call",
    [
        read,
        lambda objects: objects.put(ORIGINAL, b"bytes", content_type="image/webp"),
        lambda objects: objects.delete(ORIGINAL),
        lambda objects: objects.check(),
    ],
    ids=["get", "put", "delete", "check"],
)
async def test_an_answer_that_repeats_the_session_token_stands_in_no_traceback(objects: S3ObjectStore, call: Call):
    with pytest.raises(StorageFailed, match="SignatureDoesNotMatch") as raised:
        await call(objects)

    assert TOKEN not in "".join(traceback.format_exception(raised.value))
