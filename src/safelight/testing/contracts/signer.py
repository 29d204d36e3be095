"""What every signer must do. Subclass the suite and give it the fixture `signer`."""
# ruff: noqa: D102 - a test's name is its sentence

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from safelight.domain.errors import UnsupportedTransport
from safelight.domain.keys import Key
from safelight.ports.object_store import SignedUpload, Signer

IMAGE = "0190aaaabbbbccccddddeeeeffff0123"
INCOMING = Key(f"incoming/20261101/{IMAGE}.1")
ORIGINAL = Key(f"private/{IMAGE}/original")
OTHER = Key("private/0190aaaabbbbccccddddeeeeffff4567/original")
PUBLIC = Key(f"public/{IMAGE}/thumb-0123456789abcdef-96.webp")
LATER = datetime(2026, 11, 1, 12, tzinfo=UTC)
OCTETS = "application/octet-stream"


def sign(signer: Signer, *, transport: str = "put", content_type: str = "image/jpeg") -> SignedUpload:
    """Return a permission to write nine bytes."""
    return signer.sign_upload(
        INCOMING, declared_bytes=9, content_type=content_type, checksum=None, expires_at=LATER, transport=transport
    )


def lowered(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return headers by their names in lower case, as HTTP compares them."""
    return {name.lower(): value for name, value in headers.items()}


class SignerContract:
    """What `Signer` promises."""

    def test_a_put_names_its_type_and_never_its_length(self, signer: Signer) -> None:
        signed = sign(signer)

        assert (signed.transport, signed.method, signed.expires_at) == ("put", "PUT", LATER)
        assert lowered(signed.headers)["content-type"] == "image/jpeg"
        assert "content-length" not in lowered(signed.headers)
        assert not signed.fields

    @pytest.mark.parametrize("untyped", ["", OCTETS])
    def test_what_has_no_type_is_sent_as_octets(self, signer: Signer, untyped: str) -> None:
        assert lowered(sign(signer, content_type=untyped).headers)["content-type"] == OCTETS

    def test_a_form_is_posted_without_headers(self, signer: Signer) -> None:
        signed = sign(signer, transport="post")

        assert (signed.transport, signed.method, signed.expires_at) == ("post", "POST", LATER)
        assert not signed.headers

    def test_another_transport_is_refused(self, signer: Signer) -> None:
        with pytest.raises(UnsupportedTransport, match="put, post"):
            sign(signer, transport="carrier pigeon")

    def test_equal_downloads_have_equal_urls_and_others_have_others(self, signer: Signer) -> None:
        one = signer.sign_download(ORIGINAL, expires_at=LATER)

        assert signer.sign_download(ORIGINAL, expires_at=LATER) == one
        assert signer.sign_download(OTHER, expires_at=LATER) != one
        assert signer.sign_download(ORIGINAL, expires_at=LATER + timedelta(seconds=1)) != one

    def test_a_public_url_ends_with_the_key(self, signer: Signer) -> None:
        url = urlsplit(signer.public_url(PUBLIC))

        assert url.path.endswith(f"/{PUBLIC}")
        assert not url.query
