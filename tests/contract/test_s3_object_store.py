"""The store on a real S3 server keeps the contract of object stores."""

from collections.abc import AsyncIterator

import pytest

from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.credentials import S3Credentials
from safelight.adapters.s3.object_store import S3ObjectStore, open_s3_store
from safelight.testing.contracts.object_store import ObjectStoreContract, ReceivingStoreContract


class TestS3(ObjectStoreContract, ReceivingStoreContract):
    @pytest.fixture
    async def objects(self, s3_credentials: S3Credentials, s3_url: str) -> AsyncIterator[S3ObjectStore]:
        async with open_s3_store(S3Address.parse(s3_url), s3_credentials) as objects:
            yield objects
            async for stored in objects.list(""):
                await objects.delete(stored.key)
