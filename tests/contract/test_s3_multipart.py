"""Uploads in parts on a real S3 server keep the contract, and are held to what was signed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.credentials import S3Credentials
from safelight.adapters.s3.object_store import S3ObjectStore, open_s3_store
from safelight.domain.errors import ObjectMissing
from safelight.ports.multipart import SignedPart
from safelight.testing.contracts.multipart import INCOMING, LAST, MultipartContract, SendPart, begin, sign


class TestS3(MultipartContract):
    @pytest.fixture
    async def browser(self) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient() as browser:
            yield browser

    @pytest.fixture
    async def objects(self, s3_credentials: S3Credentials, s3_url: str) -> AsyncIterator[S3ObjectStore]:
        async with open_s3_store(S3Address.parse(s3_url), s3_credentials) as objects:
            yield objects
            async for upload in objects.multipart.uploads(""):
                await objects.multipart.abort(upload.key, upload.multipart_id)
            async for stored in objects.list(""):
                await objects.delete(stored.key)

    @pytest.fixture
    def send(self, browser: httpx.AsyncClient) -> SendPart:
        async def send(_multipart_id: str, signed: SignedPart, content: bytes) -> None:
            answer = await browser.put(signed.url, content=content)
            if answer.status_code == httpx.codes.NOT_FOUND:
                raise ObjectMissing(INCOMING)
            answer.raise_for_status()

        return send

    @pytest.mark.parametrize("content", [LAST + b"!", LAST[:-1], b""])
    async def test_a_part_of_another_length_is_refused(
        self, objects: S3ObjectStore, browser: httpx.AsyncClient, content: bytes
    ) -> None:
        multipart_id = await begin(objects)

        refused = await browser.put((await sign(objects, multipart_id, 1, LAST)).url, content=content)

        assert refused.status_code == httpx.codes.FORBIDDEN
        assert await objects.multipart.parts(INCOMING, multipart_id) == []

    @pytest.mark.parametrize("further", [{}, {"x-amz-copy-source-range": "bytes=0-4"}])
    async def test_a_part_is_no_copy_of_another_object(
        self, objects: S3ObjectStore, browser: httpx.AsyncClient, s3_url: str, further: dict[str, str]
    ) -> None:
        multipart_id = await begin(objects)
        signed = await sign(objects, multipart_id, 1, LAST)
        address = S3Address.parse(s3_url)
        copied = {"x-amz-copy-source": f"{address.bucket}/{address.prefix}{INCOMING}", **further}

        refused = await browser.put(signed.url, content=LAST, headers=copied)

        assert refused.status_code == httpx.codes.FORBIDDEN
        assert await objects.multipart.parts(INCOMING, multipart_id) == []

    @pytest.mark.parametrize(
        ("signed", "sent"), [("partNumber=1", "partNumber=2"), ("partNumber=1", ""), (".1?", ".2?")]
    )
    async def test_a_permission_is_for_one_part_of_one_upload(
        self, objects: S3ObjectStore, browser: httpx.AsyncClient, signed: str, sent: str
    ) -> None:
        multipart_id = await begin(objects)
        url = (await sign(objects, multipart_id, 1, LAST)).url
        assert signed in url

        refused = await browser.put(url.replace(signed, sent, 1), content=LAST)

        assert refused.status_code == httpx.codes.FORBIDDEN
        assert await objects.multipart.parts(INCOMING, multipart_id) == []

    async def test_a_permission_ends(self, objects: S3ObjectStore, browser: httpx.AsyncClient) -> None:
        multipart_id, now = await begin(objects), datetime.now(UTC)
        [ended] = await objects.multipart.sign_parts(
            INCOMING,
            multipart_id,
            {1: len(LAST)},
            begins_at=now - timedelta(minutes=10),
            expires_at=now - timedelta(seconds=1),
        )

        refused = await browser.put(ended.url, content=LAST)

        assert refused.status_code == httpx.codes.FORBIDDEN
