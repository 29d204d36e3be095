"""What only a server of our own shows: sessions, outages, and what is wrong with a setting."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import httpx
import pytest

from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.credentials import AccessKey, S3Credentials, open_credentials
from safelight.adapters.s3.object_store import S3ObjectStore, open_s3_store
from safelight.adapters.s3.signer import S3Signer
from safelight.domain.errors import ObjectMissing, StorageFailed
from safelight.domain.keys import Key
from safelight.testing.ceph import CephServer
from safelight.testing.proxy import Proxy

IMAGE = "0190aaaabbbbccccddddeeeeffff0123"
INCOMING = Key(f"incoming/20261101/{IMAGE}.1")
ORIGINAL = Key(f"private/{IMAGE}/original")
GOOD_FOR = timedelta(minutes=15)


@pytest.fixture(scope="module")
def ceph() -> Iterator[CephServer]:
    with CephServer() as ceph:
        yield ceph


@pytest.fixture
def url(ceph: CephServer) -> str:
    return ceph.storage_url(ceph.create_bucket())


@pytest.fixture
def credentials(ceph: CephServer) -> S3Credentials:
    return S3Credentials(AccessKey(ceph.access_key_id, ceph.secret_access_key))


@pytest.fixture
async def objects(url: str, credentials: S3Credentials) -> AsyncIterator[S3ObjectStore]:
    async with open_s3_store(S3Address.parse(url), credentials) as objects:
        yield objects


async def everything(objects: S3ObjectStore) -> list[object]:
    """Return what each call raises."""

    async def listing() -> None:
        async for _ in objects.list(""):
            pass

    calls = (
        objects.head(ORIGINAL),
        anext(objects.get(ORIGINAL, if_match="0" * 32)),
        objects.put(ORIGINAL, b"bytes", content_type="image/jpeg"),
        objects.copy(INCOMING, ORIGINAL, if_match="0" * 32),
        objects.delete(ORIGINAL),
        listing(),
        objects.check(),
    )
    return await asyncio.gather(*calls, return_exceptions=True)


async def test_a_session_does_all_that_its_owner_may(ceph: CephServer, url: str, monkeypatch: pytest.MonkeyPatch):
    for name, value in ceph.start_session().items():
        monkeypatch.setenv(name, value)
    address = S3Address.parse(url)

    async with open_credentials() as credentials, open_s3_store(address, credentials) as objects:
        signer = S3Signer(address, credentials, good_for=GOOD_FOR)
        signed = signer.sign_upload(
            INCOMING,
            declared_bytes=5,
            content_type="image/jpeg",
            checksum=None,
            expires_at=datetime.now(UTC) + GOOD_FOR,
            transport="put",
        )
        async with httpx.AsyncClient() as browser:
            sent = await browser.put(signed.url, content=b"bytes", headers=signed.headers)
            cut = signed.url.replace("X-Amz-Security-Token=", "X-Amz-Security-Token=0")
            forged = await browser.put(cut, content=b"bytes", headers=signed.headers)
        await objects.copy(INCOMING, ORIGINAL, if_match=(await objects.head(INCOMING)).etag)
        listed = {stored.key async for stored in objects.list("")}

    assert credentials.renewed
    assert (sent.status_code, forged.status_code) == (200, 403)
    assert listed == {INCOMING, ORIGINAL}


async def test_what_a_killed_gateway_was_asked_fails_and_all_is_well_when_it_is_back(
    ceph: CephServer, objects: S3ObjectStore
):
    await objects.put(INCOMING, b"bytes", content_type="image/jpeg")

    ceph.kill()
    try:
        raised = await everything(objects)
    finally:
        ceph.start()

    assert all(isinstance(error, StorageFailed) for error in raised)
    assert all(f"{ceph.endpoint} gives no answer" in str(error) for error in raised)
    await objects.check()
    assert (await objects.head(INCOMING)).bytes == 5


async def test_a_short_outage_is_waited_for(ceph: CephServer, url: str, credentials: S3Credentials):
    """Every call is cut off at first."""
    connections = count()

    def targets() -> list[int]:
        return [ceph.port] if next(connections) > 5 else []

    with Proxy(targets) as proxy:
        through = url.replace(ceph.endpoint, f"http://127.0.0.1:{proxy.port}")
        async with open_s3_store(S3Address.parse(through), credentials) as objects:
            await asyncio.gather(
                objects.put(INCOMING, b"bytes", content_type="image/jpeg"), objects.delete(ORIGINAL), objects.check()
            )
            assert (await objects.head(INCOMING)).bytes == 5


async def test_a_bucket_that_is_not_there_is_named(ceph: CephServer, credentials: S3Credentials):
    async with open_s3_store(S3Address.parse(ceph.storage_url("no-such-bucket")), credentials) as objects:
        raised = await everything(objects)

    head, *others = raised
    assert isinstance(head, ObjectMissing)  # an answer to HEAD has no body that could say more
    assert all(isinstance(error, StorageFailed) and "no bucket no-such-bucket" in str(error) for error in others[:4])
    assert "no bucket no-such-bucket" in str(others[-1])


async def test_credentials_that_are_refused_are_said_to_be(ceph: CephServer, url: str):
    wrong = S3Credentials(AccessKey(ceph.access_key_id, "guessed"))

    async with open_s3_store(S3Address.parse(url), wrong) as objects:
        raised = await everything(objects)

    assert all(isinstance(error, StorageFailed) for error in raised)
    assert all("refuses our credentials" in str(error) for error in raised)
    assert not any("guessed" in str(error) for error in raised)


async def test_what_aws_tools_are_told_by_the_environment_is_not_for_us(
    url: str, credentials: S3Credentials, monkeypatch: pytest.MonkeyPatch
):
    """obstore would believe it, and what we sign ourselves would not."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    monkeypatch.setenv("AWS_REGION", "elsewhere")
    monkeypatch.setenv("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true")

    async with open_s3_store(S3Address.parse(url), credentials) as objects:
        await objects.put(INCOMING, b"bytes", content_type="image/jpeg")
        assert (await objects.head(INCOMING)).bytes == 5


async def test_a_server_that_says_nothing_counts_as_lost(credentials: S3Credentials):
    """It took the connection, and hangs: nothing waits for ever."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"s3://bucket?profile=ceph&endpoint=http://127.0.0.1:{silent.getsockname()[1]}"
        patience = timedelta(milliseconds=50)
        async with open_s3_store(S3Address.parse(url), credentials, silent_at_most=patience) as objects:
            raised = await everything(objects)

    assert all(isinstance(error, StorageFailed) and "gives no answer" in str(error) for error in raised)
