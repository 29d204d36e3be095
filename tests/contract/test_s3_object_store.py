"""The store on a real S3 server keeps the contract of object stores."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from safelight.adapters.disk.object_store import DiskObjectStore
from safelight.adapters.mirror.object_store import MirroredStore
from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.credentials import S3Credentials
from safelight.adapters.s3.object_store import S3ObjectStore, open_s3_store
from safelight.adapters.s3.profiles import PROFILES
from safelight.adapters.s3.requests import S3Requests
from safelight.domain.keys import Key
from safelight.testing.contracts.object_store import IMAGE, PUBLIC, ObjectStoreContract, ReceivingStoreContract


class TestS3(ObjectStoreContract, ReceivingStoreContract):
    @pytest.fixture
    async def objects(self, s3_credentials: S3Credentials, s3_url: str) -> AsyncIterator[S3ObjectStore]:
        async with open_s3_store(S3Address.parse(s3_url), s3_credentials) as objects:
            yield objects
            async for stored in objects.list(""):
                await objects.delete(stored.key)


PRIVATE_THUMB = Key(f"private/{IMAGE}/thumb-0123456789abcdef-96.webp")
SIDES = [PRIVATE_THUMB, PUBLIC]


@pytest.mark.parametrize("profile", ["ceph", "minio", "aws"])
async def test_a_copy_is_described_by_where_it_lies(profile: str, s3_url: str, s3_credentials: S3Credentials):
    """Whether the server copies or we do: a private rendition that becomes public is cached as one."""
    address = replace(S3Address.parse(s3_url), profile=PROFILES[profile])
    async with open_s3_store(address, s3_credentials) as objects, httpx.AsyncClient() as client:
        requests = S3Requests(client, address, s3_credentials)
        await objects.put(PRIVATE_THUMB, b"pixels", content_type="image/webp")
        await objects.copy(PRIVATE_THUMB, PUBLIC, if_match=(await objects.head(PRIVATE_THUMB)).etag)
        private, public = [await requests.send("HEAD", key) for key in SIDES]
        for key in SIDES:
            await objects.delete(key)

    assert [answer.headers["content-type"] for answer in (private, public)] == ["image/webp", "image/webp"]
    assert private.headers["cache-control"] == "private"
    assert public.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_every_call_is_timed(s3_url: str, s3_credentials: S3Credentials):
    heard: list[str] = []
    address = S3Address.parse(s3_url)

    async with open_s3_store(address, s3_credentials, observe=lambda what, _: heard.append(what)) as objects:
        await objects.put(PUBLIC, b"pixels", content_type="image/webp")
        stored = await objects.head(PUBLIC)
        async for _ in objects.get(PUBLIC, if_match=stored.etag):
            pass
        await objects.copy(PUBLIC, PRIVATE_THUMB, if_match=stored.etag)
        for key in SIDES:
            await objects.delete(key)

    assert heard == ["put", "head", "get", "copy", "delete", "delete"]


class TestFolderAndBucket(ObjectStoreContract):
    """While objects move from one to the other, the two together are a store as well."""

    @pytest.fixture
    async def objects(self, s3_credentials: S3Credentials, s3_url: str, tmp_path: Path) -> AsyncIterator[MirroredStore]:
        with ThreadPoolExecutor(4) as io:
            async with open_s3_store(S3Address.parse(s3_url), s3_credentials) as bucket:
                objects = MirroredStore(bucket, DiskObjectStore(tmp_path, io=io))
                yield objects
                async for stored in objects.list(""):
                    await objects.delete(stored.key)
