"""URLs of the upload service and of what it serves: the path is the object's key."""

from datetime import datetime

from safelight.domain.delivery import OCTETS
from safelight.domain.errors import UnsupportedTransport
from safelight.domain.formats import UNTYPED
from safelight.domain.image import Checksum
from safelight.domain.keys import Key
from safelight.domain.tokens import DownloadClaims, Tokens, UploadClaims
from safelight.ports.object_store import SignedUpload

METHODS = {"put": "PUT", "post": "POST"}
"""Transports and their methods: the bytes themselves, or a multipart form with the file as its last field."""


class DiskSigner:
    """Signs with our own tokens. Fulfils `Signer`. The URLs are those that clients see, without a slash at the end."""

    def __init__(self, tokens: Tokens, *, uploads_url: str, delivery_url: str) -> None:
        self._tokens = tokens
        self._uploads_url = uploads_url
        self._delivery_url = delivery_url

    def sign_upload(
        self,
        key: Key,
        *,
        declared_bytes: int,
        content_type: str,
        checksum: Checksum | None,
        expires_at: datetime,
        transport: str,
    ) -> SignedUpload:
        """See `Signer.sign_upload`."""
        if transport not in METHODS:
            raise UnsupportedTransport(transport, supported=", ".join(METHODS))
        token = self._tokens.sign_upload(UploadClaims(key, content_type, declared_bytes, checksum, expires_at))
        declared = OCTETS if content_type in UNTYPED else content_type
        return SignedUpload(
            transport=transport,
            method=METHODS[transport],
            url=f"{self._uploads_url}/{key}?token={token}",
            expires_at=expires_at,
            headers={"content-type": declared} if transport == "put" else {},
        )

    def sign_download(self, key: Key, *, expires_at: datetime) -> str:
        """See `Signer.sign_download`."""
        return f"{self._delivery_url}/{key}?token={self._tokens.sign_download(DownloadClaims(key, expires_at))}"

    def public_url(self, key: Key) -> str:
        """See `Signer.public_url`."""
        return f"{self._delivery_url}/{key}"
