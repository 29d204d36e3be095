"""The setting of a bucket: strict, and every mistake says what to write."""

import re

import pytest

from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.profiles import PROFILES
from safelight.domain.keys import Key

KEY = Key("private/0190aaaabbbbccccddddeeeeffff0123/original")


def test_a_bucket_at_aws_needs_its_region_alone():
    address = S3Address.parse("s3://bucket?region=eu-central-1")

    assert (address.bucket, address.profile, address.region) == ("bucket", PROFILES["aws"], "eu-central-1")
    assert address.url(KEY) == f"https://bucket.s3.eu-central-1.amazonaws.com/{KEY}"
    assert address.public_url(KEY) == address.url(KEY)
    assert address.obstore_endpoint == "https://bucket.s3.eu-central-1.amazonaws.com"


def test_everything_can_be_named():
    address = S3Address.parse(
        "s3://bucket?profile=minio&region=here&endpoint=http://minio:9000&public_endpoint=https://files.example/"
        "&path_style=true&prefix=/one/part/&aws_profile=old"
    )

    assert address == S3Address(
        "bucket",
        PROFILES["minio"],
        "here",
        "http://minio:9000",
        "https://files.example",
        path_style=True,
        prefix="one/part/",
        aws_profile="old",
    )
    assert address.url(KEY) == f"http://minio:9000/bucket/one/part/{KEY}"
    assert address.public_url(KEY) == f"https://files.example/bucket/one/part/{KEY}"
    assert address.url() == "http://minio:9000/bucket"
    assert address.obstore_endpoint == "http://minio:9000"


def test_a_bucket_may_have_a_host_of_its_own():
    address = S3Address.parse("s3://bucket?endpoint=http://[::1]:7480&path_style=false")

    assert address.url(KEY) == f"http://bucket.[::1]:7480/{KEY}"
    assert address.public_url() == "http://bucket.[::1]:7480/"


def test_a_bucket_with_a_dot_is_a_path():
    """No certificate of the provider has its name as a host."""
    assert S3Address.parse("s3://my.bucket?region=eu-central-1").path_style
    assert not S3Address.parse("s3://my.bucket?region=eu-central-1&path_style=false").path_style


def test_an_address_without_a_profile_is_counted_on_for_nothing():
    assert S3Address.parse("s3://bucket?endpoint=https://s3.example").profile == PROFILES["generic"]


@pytest.mark.parametrize(
    ("url", "endpoint", "region"),
    [
        ("s3://bucket?profile=aws&region=us-west-2", "https://s3.us-west-2.amazonaws.com", "us-west-2"),
        ("s3://bucket?profile=b2&region=eu-central-003", "https://s3.eu-central-003.backblazeb2.com", "eu-central-003"),
        ("s3://bucket?profile=gcs", "https://storage.googleapis.com", "auto"),
        (
            "s3://bucket?profile=r2&endpoint=https://a.r2.cloudflarestorage.com",
            "https://a.r2.cloudflarestorage.com",
            "auto",
        ),
        ("s3://bucket?profile=ceph&endpoint=http://rgw:7480", "http://rgw:7480", "us-east-1"),
    ],
)
def test_a_profile_knows_what_it_can(url: str, endpoint: str, region: str):
    address = S3Address.parse(url)

    assert (address.endpoint, address.region) == (endpoint, region)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://bucket", "must be like s3://bucket"),
        ("s3://?region=eu-central-1", "names no bucket"),
        ("s3://Bucket?region=eu-central-1", "names no bucket"),
        ("s3://b?region=eu-central-1", "names no bucket"),
        ("s3://bucket:80?region=eu-central-1", "names no bucket"),
        ("s3://key:secret@bucket?region=eu-central-1", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/part?region=eu-central-1", "write ?prefix="),
        ("s3://bucket?region=eu-central-1#part", "write ?prefix="),
        ("s3://bucket", "needs region="),
        ("s3://bucket?region=", "no value for region"),
        ("s3://bucket?region=eu central 1", "like eu-central-1"),
        ("s3://bucket?region=a&region=b", "twice"),
        ("s3://bucket?area=eu-central-1", "unknown parameter 'area'; there are profile, region"),
        ("s3://bucket?profile=azure", "unknown profile 'azure'; there are aws, r2, b2, gcs, minio, ceph, generic"),
        ("s3://bucket?profile=minio", "needs endpoint=https://"),
        ("s3://bucket?endpoint=minio:9000", "write endpoint=https://host"),
        ("s3://bucket?endpoint=http://minio:nine", "write endpoint=https://host"),
        ("s3://bucket?endpoint=http://user:secret@minio", "write endpoint=https://host"),
        ("s3://bucket?endpoint=https://minio/bucket", "named once"),
        ("s3://bucket?endpoint=https://minio&public_endpoint=https://files/x", "write public_endpoint=https://host"),
        ("s3://bucket?endpoint=https://minio&path_style=yes", "path_style=true or path_style=false"),
        ("s3://bucket?endpoint=https://minio&prefix=../up", "letters, digits, hyphens and underlines"),
    ],
)
def test_every_mistake_says_what_to_write(url: str, says: str):
    with pytest.raises(ValueError, match=re.escape(says)) as refused:
        S3Address.parse(url)

    assert "secret@" not in str(refused.value)
