"""The URLs of a disk store."""

from datetime import UTC, datetime, timedelta

import pytest

from safelight.adapters.disk.signer import DiskSigner
from safelight.domain.errors import UnsupportedTransport
from safelight.domain.keys import Key
from safelight.domain.tokens import Keyring, Tokens
from safelight.ports.object_store import SignedUpload

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
INCOMING = Key("incoming/20261101/0190aaaabbbbccccddddeeeeffff0123.1")
PUBLIC = Key("public/0190aaaabbbbccccddddeeeeffff0123/thumb-0123456789abcdef-96.jpg")


@pytest.fixture
def tokens() -> Tokens:
    ring = Keyring({"a": b"a" * 32}, "a")
    return Tokens(lambda: ring)


@pytest.fixture
def signer(tokens: Tokens) -> DiskSigner:
    return DiskSigner(tokens, uploads_url="https://up.example", delivery_url="https://cdn.example")


def sign(signer: DiskSigner, *, transport: str = "put", content_type: str = "image/jpeg") -> SignedUpload:
    return signer.sign_upload(
        INCOMING, declared_bytes=9, content_type=content_type, checksum=None, expires_at=LATER, transport=transport
    )


def test_an_upload_url_is_the_key_and_a_token_of_what_it_permits(signer: DiskSigner, tokens: Tokens):
    signed = sign(signer)

    address, _, token = signed.url.partition("?token=")
    claims = tokens.verify_upload(token, now=NOON)
    assert address == f"https://up.example/{INCOMING}"
    assert (claims.key, claims.bytes, claims.content_type, claims.expires_at) == (INCOMING, 9, "image/jpeg", LATER)


def test_a_put_sends_its_type_and_never_its_length(signer: DiskSigner):
    named, unnamed = sign(signer), sign(signer, content_type="")

    assert (named.method, named.headers, named.fields) == ("PUT", {"content-type": "image/jpeg"}, {})
    assert unnamed.headers == {"content-type": "application/octet-stream"}


def test_a_form_needs_no_headers(signer: DiskSigner):
    signed = sign(signer, transport="post")

    assert (signed.method, signed.headers, signed.fields) == ("POST", {}, {})


def test_another_transport_is_not_supported(signer: DiskSigner):
    with pytest.raises(UnsupportedTransport):
        sign(signer, transport="tus")


def test_equal_downloads_have_equal_urls(signer: DiskSigner, tokens: Tokens):
    first, second = (signer.sign_download(PUBLIC, expires_at=LATER) for _ in range(2))

    assert first == second
    assert tokens.verify_download(first.partition("?token=")[2], now=NOON).key == PUBLIC


def test_a_public_url_is_the_key_alone(signer: DiskSigner):
    assert signer.public_url(PUBLIC) == f"https://cdn.example/{PUBLIC}"
