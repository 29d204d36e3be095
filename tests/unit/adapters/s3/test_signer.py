"""The URLs of a bucket: what botocore's own client would sign, and nothing that depends on when it is asked."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.config import Config
from botocore.session import Session

from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.credentials import AccessKey, S3Credentials
from safelight.adapters.s3.signer import SKEW, S3Signer
from safelight.domain.errors import UnsupportedTransport
from safelight.domain.image import Checksum, ChecksumAlgorithm
from safelight.domain.keys import Key
from safelight.ports.object_store import SignedUpload

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
GOOD_FOR = timedelta(minutes=10)
LATER = NOON + GOOD_FOR
BEGUN = NOON - SKEW
SECONDS = int((LATER - BEGUN).total_seconds())
IMAGE = "0190aaaabbbbccccddddeeeeffff0123"
INCOMING = Key(f"incoming/20261101/{IMAGE}.1")
ORIGINAL = Key(f"private/{IMAGE}/original")
PUBLIC = Key(f"public/{IMAGE}/thumb-0123456789abcdef-96.jpg")
SHA256 = Checksum(ChecksumAlgorithm.SHA256, base64.b64encode(b"s" * 32).decode())

FOREVER = AccessKey("AKIDEXAMPLE", "a secret that nobody knows")
UPLOADER = AccessKey("AKIDUPLOADER", "another secret")
SESSION = AccessKey("ASIAEXAMPLE", "a secret that nobody knows", "a token+of/a=session")
KEYS = [FOREVER, SESSION]
STYLES = ["path", "virtual"]
ENDPOINT = "https://s3.eu-central-1.amazonaws.com"


def signer_of(url: str = "s3://bucket?region=eu-central-1", key: AccessKey = FOREVER, **options: Any) -> S3Signer:
    return S3Signer(S3Address.parse(url), S3Credentials(key), good_for=GOOD_FOR, **options)


def in_style(style: str) -> str:
    return f"s3://bucket?region=eu-central-1&path_style={'true' if style == 'path' else 'false'}"


def sign(signer: S3Signer, transport: str = "put", content_type: str = "image/jpeg", **more: Any) -> SignedUpload:
    wanted = {"declared_bytes": 123, "checksum": None, "expires_at": LATER} | more
    return signer.sign_upload(INCOMING, content_type=content_type, transport=transport, **wanted)


def client_of(key: AccessKey, style: str) -> Any:
    """Return botocore's own client."""
    return Session().create_client(
        "s3",
        region_name="eu-central-1",
        endpoint_url=ENDPOINT,
        aws_access_key_id=key.access_key,
        aws_secret_access_key=key.secret_key,
        aws_session_token=key.token,
        config=Config(signature_version="s3v4", s3={"addressing_style": style}),
    )


@pytest.fixture
def at_that_moment(time_machine: Any) -> None:
    """Let botocore's clock stand when our URLs begin."""
    time_machine.move_to(BEGUN, tick=False)


@pytest.mark.usefixtures("at_that_moment")
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("style", STYLES)
def test_a_put_is_what_botocore_presigns(key: AccessKey, style: str):
    wanted = {"ContentLength": 123, "ContentType": "image/jpeg", "IfNoneMatch": "*"}
    expected = client_of(key, style).generate_presigned_url(
        "put_object", Params={"Bucket": "bucket", "Key": INCOMING, **wanted}, ExpiresIn=SECONDS
    )

    assert sign(signer_of(in_style(style), key)).url == expected


@pytest.mark.usefixtures("at_that_moment")
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("style", STYLES)
def test_a_get_is_what_botocore_presigns(key: AccessKey, style: str):
    shown = {
        "ResponseCacheControl": "private",
        "ResponseContentDisposition": 'attachment; filename="original"',
        "ResponseContentType": "application/octet-stream",
        "ResponseExpires": LATER,
    }
    expected = client_of(key, style).generate_presigned_url(
        "get_object", Params={"Bucket": "bucket", "Key": ORIGINAL, **shown}, ExpiresIn=SECONDS
    )

    assert signer_of(in_style(style), key).sign_download(ORIGINAL, expires_at=LATER) == expected


@pytest.mark.usefixtures("at_that_moment")
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("style", STYLES)
def test_a_form_is_what_botocore_presigns(key: AccessKey, style: str):
    expected = client_of(key, style).generate_presigned_post(
        "bucket",
        INCOMING,
        Fields={"Content-Type": "image/jpeg"},
        Conditions=[{"Content-Type": "image/jpeg"}, ["content-length-range", 123, 123]],
        ExpiresIn=SECONDS,
    )

    signed = sign(signer_of(in_style(style), key), "post")

    assert signed.url == expected["url"]
    assert dict(signed.fields) == expected["fields"]


def test_a_put_is_held_to_its_length_and_does_not_name_it():
    signed = sign(signer_of())

    (names,) = parse_qs(urlsplit(signed.url).query)["X-Amz-SignedHeaders"]
    assert names == "content-length;content-type;host;if-none-match"
    assert signed.headers == {"content-type": "image/jpeg", "if-none-match": "*"}
    assert (signed.method, signed.transport, signed.expires_at, signed.fields) == ("PUT", "put", LATER, {})


@pytest.mark.parametrize("untyped", ["", "application/octet-stream"])
@pytest.mark.parametrize("transport", ["put", "post"])
def test_what_has_no_type_is_sent_as_octets(transport: str, untyped: str):
    signed = sign(signer_of(), transport, untyped)

    assert (signed.headers | signed.fields).items() >= {
        ("content-type" if transport == "put" else "Content-Type", "application/octet-stream")
    }


def test_a_provider_that_cannot_write_once_is_not_asked_to():
    assert sign(signer_of("s3://bucket?profile=b2&region=eu-central-003")).headers == {"content-type": "image/jpeg"}


def test_a_promised_checksum_is_signed_where_the_provider_looks_at_it():
    aws, ceph = (
        sign(signer_of(url), checksum=SHA256)
        for url in ("s3://bucket?region=eu-central-1", "s3://bucket?profile=ceph&endpoint=https://ceph.example")
    )

    assert aws.headers["x-amz-checksum-sha256"] == SHA256.value
    assert "x-amz-checksum-sha256" in aws.url
    assert "x-amz-checksum-sha256" not in ceph.headers


def test_a_policy_holds_a_form_to_everything():
    signed = sign(signer_of("s3://bucket?region=eu-central-1&prefix=one/part"), "post")

    policy = json.loads(base64.b64decode(signed.fields["policy"]))
    assert policy["expiration"] == "2026-11-01T12:10:00Z"
    assert [line for line in policy["conditions"] if not str(line).startswith("{'x-amz-")] == [
        {"Content-Type": "image/jpeg"},
        ["content-length-range", 123, 123],
        {"bucket": "bucket"},
        {"key": f"one/part/{INCOMING}"},
    ]
    assert (signed.method, signed.headers, signed.fields["key"]) == ("POST", {}, f"one/part/{INCOMING}")


@pytest.mark.parametrize(
    ("url", "transport", "supported"),
    [
        ("s3://bucket?region=eu-central-1", "tus", "put, post"),
        ("s3://bucket?profile=r2&endpoint=https://account.r2.cloudflarestorage.com", "post", "put"),
    ],
)
def test_what_a_provider_does_not_do_is_refused(url: str, transport: str, supported: str):
    with pytest.raises(UnsupportedTransport) as refused:
        sign(signer_of(url), transport)

    assert refused.value.supported == supported


def test_equal_downloads_have_equal_urls_whenever_they_are_asked_for(time_machine: Any):
    signer = signer_of()
    urls = set()

    for moment in (NOON, NOON + timedelta(minutes=4)):
        time_machine.move_to(moment)
        urls.add(signer.sign_download(ORIGINAL, expires_at=LATER))

    assert len(urls) == 1


def test_a_url_has_begun_already_and_ends_when_it_should():
    query = parse_qs(urlsplit(signer_of().sign_download(ORIGINAL, expires_at=LATER)).query)

    begins = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert begins == NOON - SKEW
    assert begins + timedelta(seconds=int(query["X-Amz-Expires"][0])) == LATER


def test_no_url_is_longer_good_than_s3_allows():
    signer = S3Signer(
        S3Address.parse("s3://bucket?region=eu-central-1"), S3Credentials(FOREVER), good_for=timedelta(days=30)
    )

    query = parse_qs(urlsplit(signer.sign_download(ORIGINAL, expires_at=LATER)).query)

    assert query["X-Amz-Expires"] == ["604800"]


def test_clients_are_sent_to_the_public_address():
    url = "s3://bucket?profile=ceph&endpoint=http://rgw.internal:7480&public_endpoint=https://files.example"
    signer = signer_of(url)

    urls = [
        sign(signer).url,
        sign(signer, "post").url,
        signer.sign_download(ORIGINAL, expires_at=LATER),
        signer.public_url(PUBLIC),
    ]

    assert all(one.startswith("https://files.example/bucket") for one in urls)


def test_a_public_url_is_the_bucket_or_what_stands_before_it():
    url = "s3://bucket?region=eu-central-1&prefix=part"
    direct, by_cdn = signer_of(url), signer_of(url, delivery_url="https://cdn.example")

    assert direct.public_url(PUBLIC) == f"https://bucket.s3.eu-central-1.amazonaws.com/part/{PUBLIC}"
    assert by_cdn.public_url(PUBLIC) == f"https://cdn.example/part/{PUBLIC}"


@pytest.mark.parametrize("transport", ["put", "post"])
def test_an_uploader_signs_what_clients_write_and_nothing_that_they_read(transport: str):
    signer = signer_of(uploader=S3Credentials(UPLOADER))

    upload, download = sign(signer, transport), signer.sign_download(ORIGINAL, expires_at=LATER)

    signed = upload.url + str(upload.fields)
    assert ("AKIDUPLOADER/" in signed or "AKIDUPLOADER%2F" in signed, "AKIDEXAMPLE" in signed) == (True, False)
    assert "AKIDEXAMPLE%2F" in download


def test_new_keys_are_signed_with_at_once():
    credentials = S3Credentials(FOREVER)
    signer = S3Signer(S3Address.parse("s3://bucket?region=eu-central-1"), credentials, good_for=GOOD_FOR)
    before = [sign(signer).url, signer.sign_download(ORIGINAL, expires_at=LATER)]

    credentials.renew(SESSION)

    after = [sign(signer).url, signer.sign_download(ORIGINAL, expires_at=LATER)]
    assert all("AKIDEXAMPLE" in url for url in before)
    assert all("ASIAEXAMPLE" in url for url in after)


def test_no_secret_is_shown_or_logged(caplog: pytest.LogCaptureFixture):
    with caplog.at_level("DEBUG"):
        signer = signer_of(key=SESSION)
        sign(signer)
        signer.sign_download(ORIGINAL, expires_at=LATER)

    assert "secret that" not in repr(SESSION) + repr(signer) + caplog.text
    assert "of/a=session" not in repr(SESSION) + caplog.text
    assert "of%2Fa" not in caplog.text
