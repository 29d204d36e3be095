"""Write and read tokens, and the signatures of URLs: HMACs, derived and never stored.

Keys are derived per purpose (HKDF, RFC 5869), so that a signature made for one purpose is worthless for any other. Two
or more signing keys may verify while one signs, so that keys can be rotated without stopping.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from safelight.domain.errors import TokenExpired, TokenInvalid
from safelight.domain.image import Checksum, ChecksumAlgorithm, Image, ImageId
from safelight.domain.keys import Key

VERSION = "v1"
MAX_TOKEN_CHARS = 2048
"""A longer one is refused before anything is computed."""


class Purpose(StrEnum):
    """What a token is for; each purpose has keys of its own."""

    WRITE = "write"
    READ = "read"
    UPLOAD = "upload"
    DOWNLOAD = "download"
    SHOW = "show"


@dataclass(frozen=True, slots=True)
class Keyring:
    """Signing keys by id: `signing` is the id of the one that signs, all of them verify."""

    keys: Mapping[str, bytes]
    signing: str
    created_at: Mapping[str, datetime] = field(default_factory=dict)
    """When a key was made, where that is known."""


@dataclass(frozen=True, slots=True)
class UploadClaims:
    """What a signed upload URL permits: to write this object once, of exactly this size, until then."""

    key: Key
    content_type: str
    bytes: int
    checksum: Checksum | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DownloadClaims:
    """What a signed download URL permits: to read this object until then."""

    key: Key
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ShowClaims:
    """What a signed link to a variant permits: to see this variant of this image until then, and no other."""

    image_id: ImageId
    variant: str
    generation: int
    expires_at: datetime


def _nobody(_key_id: str) -> None:
    """Tell nobody."""


class Tokens:
    """Makes and verifies every token, with the keyring that `current` gives at that moment.

    `unknown` hears the id of a key that a token names and the keyring has not: of an old keyring, or made up by anyone.
    """

    def __init__(self, current: Callable[[], Keyring], *, unknown: Callable[[str], None] = _nobody) -> None:
        self._current = current
        self._unknown = unknown

    def image_token(self, purpose: Purpose, image_id: ImageId, generation: int) -> str:
        """Return the write or read token of an image. Raising the generation revokes it."""
        ring = self._current()
        return f"{VERSION}.{ring.signing}.{image_id}.{_mac(ring, purpose, ring.signing, image_id, str(generation))}"

    def verify_image_token(self, token: str, purpose: Purpose, image: Image) -> None:
        """Raise TokenInvalid unless `token` is that of this image, for this purpose and not revoked."""
        version, key_id, image_id, mac = _split(token)
        expected = self._expected(purpose, key_id, image.id, str(image.token_generation))
        if not (_equal(mac, expected) and version == VERSION and image_id == image.id):
            raise TokenInvalid

    def sign_upload(self, claims: UploadClaims) -> str:
        """Return the token of an upload URL."""
        checksum = [claims.checksum.algorithm, claims.checksum.value] if claims.checksum else None
        return self._seal(
            Purpose.UPLOAD, [claims.key, claims.content_type, claims.bytes, checksum, _epoch(claims.expires_at)]
        )

    def verify_upload(self, token: str, *, now: datetime) -> UploadClaims:
        """Return what the token permits. Raises TokenInvalid, TokenExpired."""
        key, content_type, size, checksum, expires = self._open(Purpose.UPLOAD, token)
        promised = Checksum(ChecksumAlgorithm(checksum[0]), checksum[1]) if checksum else None
        return UploadClaims(Key(key), content_type, size, promised, _unexpired(expires, now))

    def sign_download(self, claims: DownloadClaims) -> str:
        """Return the token of a download URL: the same for the same claims, so that URLs cache."""
        return self._seal(Purpose.DOWNLOAD, [claims.key, _epoch(claims.expires_at)])

    def verify_download(self, token: str, *, now: datetime) -> DownloadClaims:
        """Return what the token permits. Raises TokenInvalid, TokenExpired."""
        key, expires = self._open(Purpose.DOWNLOAD, token)
        return DownloadClaims(Key(key), _unexpired(expires, now))

    def sign_show(self, claims: ShowClaims) -> str:
        """Return the token of a link to a variant: one signature over image, variant and end."""
        return self._seal(Purpose.SHOW, [claims.image_id, claims.variant, claims.generation, _epoch(claims.expires_at)])

    def verify_show(self, token: str, *, now: datetime) -> ShowClaims:
        """Return what the token permits. Raises TokenInvalid, TokenExpired."""
        image_id, variant, generation, expires = self._open(Purpose.SHOW, token)
        return ShowClaims(ImageId(image_id), variant, generation, _unexpired(expires, now))

    def _seal(self, purpose: Purpose, claims: list[object]) -> str:
        payload = _encode(json.dumps(claims, separators=(",", ":")).encode())
        ring = self._current()
        return f"{VERSION}.{ring.signing}.{payload}.{_mac(ring, purpose, ring.signing, payload)}"

    def _open(self, purpose: Purpose, token: str) -> list[Any]:
        """Return the claims; the MAC is checked before they are parsed."""
        version, key_id, payload, mac = _split(token)
        if not _equal(mac, self._expected(purpose, key_id, payload)) or version != VERSION:
            raise TokenInvalid
        return list(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))

    def _expected(self, purpose: Purpose, key_id: str, *parts: str) -> str:
        """Return the MAC that a token must have. Raises TokenInvalid where the keyring has no such key."""
        ring = self._current()
        if key_id not in ring.keys:
            self._unknown(key_id)
            raise TokenInvalid
        return _mac(ring, purpose, key_id, *parts)


def derive(secret: bytes, purpose: str) -> bytes:
    """Return the 32-byte key for one purpose: HKDF-SHA256 (RFC 5869) without salt, one block."""
    extracted = hmac.digest(bytes(hashlib.sha256().digest_size), secret, "sha256")
    return hmac.digest(extracted, f"safelight {purpose}".encode() + b"\x01", "sha256")


def image_named_by(token: str) -> ImageId:
    """Return the image that a write or read token claims to be of, unverified. Raises TokenInvalid."""
    return ImageId(_split(token)[2])


def _split(token: str) -> list[str]:
    parts = token.split(".")
    if len(parts) != 4 or len(token) > MAX_TOKEN_CHARS or not token.isascii():  # noqa: PLR2004 - version, key, claims, MAC
        raise TokenInvalid
    return parts


def _mac(ring: Keyring, purpose: Purpose, key_id: str, *parts: str) -> str:
    signed = "\n".join((VERSION, key_id, *parts)).encode()
    return _encode(hmac.digest(derive(ring.keys[key_id], purpose), signed, "sha256"))


def _equal(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _epoch(moment: datetime) -> int:
    return int(moment.timestamp())


def _unexpired(epoch: int, now: datetime) -> datetime:
    expires_at = datetime.fromtimestamp(epoch, UTC)
    if now >= expires_at:
        raise TokenExpired
    return expires_at
