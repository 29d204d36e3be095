"""Which credentials sign uploads to a bucket."""

from pathlib import Path
from typing import Any

import pytest

from safelight.adapters.s3.address import S3Address
from safelight.apps.storage import open_uploader
from safelight.domain.errors import StorageFailed
from safelight.settings import Settings

BUCKET = "s3://bucket?region=eu-central-1"
OTHER = "s3://other?region=eu-central-1"
PAIR: dict[str, Any] = {"upload_access_key_id": "AKIDUPLOADER", "upload_secret_access_key": "secret"}
FILE = """
[default]
aws_access_key_id = AKIDEVERYTHING
aws_secret_access_key = secret
[uploads]
aws_access_key_id = AKIDPROFILE
aws_secret_access_key = secret
"""


@pytest.fixture(autouse=True)
def shared_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Name two credentials in AWS's shared files."""
    (tmp_path / "aws").write_text(FILE)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws"))
    monkeypatch.chdir(tmp_path)


async def uploader_of(bucket: str, **given: Any) -> str | None:
    """Return the access key that signs uploads to a bucket; None where it has none of its own."""
    async with open_uploader(S3Address.parse(bucket), Settings(**given)) as found:
        return found.current().access_key if found else None


async def test_those_of_the_settings_sign_uploads_to_the_bucket_that_is_stored_in():
    assert await uploader_of(BUCKET, storage_url=BUCKET, **PAIR) == "AKIDUPLOADER"
    assert await uploader_of(BUCKET, storage_url=BUCKET, upload_aws_profile="uploads") == "AKIDPROFILE"
    assert await uploader_of(BUCKET, storage_url=BUCKET) is None


async def test_they_sign_nothing_for_its_mirror():
    assert await uploader_of(OTHER, storage_url=BUCKET, storage_mirror=OTHER, **PAIR) is None


async def test_a_profile_that_is_not_there_is_told_at_the_start():
    with pytest.raises(StorageFailed, match="nobody") as raised:
        await uploader_of(BUCKET, storage_url=BUCKET, upload_aws_profile="nobody")

    assert "AWS_SHARED_CREDENTIALS_FILE" in raised.value.cure
