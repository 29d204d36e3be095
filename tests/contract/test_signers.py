"""The signers of a disk and of a bucket keep the contract of signers."""

from datetime import timedelta

import pytest

from safelight.adapters.disk.signer import DiskSigner
from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.credentials import AccessKey, S3Credentials
from safelight.adapters.s3.signer import S3Signer
from safelight.domain.tokens import Keyring, Tokens
from safelight.testing.contracts.signer import SignerContract


class TestDisk(SignerContract):
    @pytest.fixture
    def signer(self) -> DiskSigner:
        ring = Keyring({"a": b"a" * 32}, "a")
        return DiskSigner(Tokens(lambda: ring), uploads_url="https://up.example", delivery_url="https://cdn.example")


class TestS3(SignerContract):
    @pytest.fixture
    def signer(self) -> S3Signer:
        credentials = S3Credentials(AccessKey("AKIDEXAMPLE", "secret"))
        return S3Signer(S3Address.parse("s3://bucket?region=eu-central-1"), credentials, good_for=timedelta(minutes=15))
