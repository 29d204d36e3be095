"""URLs of a bucket, signed by ourselves: what they permit is held to by the S3 server."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache

from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.auth import LONGEST, Condition, SigV4
from safelight.adapters.s3.credentials import AccessKey, S3Credentials
from safelight.domain.delivery import OCTETS, content_type, file_name, is_shown
from safelight.domain.errors import UnsupportedTransport
from safelight.domain.formats import UNTYPED
from safelight.domain.image import Checksum
from safelight.domain.keys import Key
from safelight.ports.object_store import SignedUpload

SKEW = timedelta(minutes=5)
"""URLs begin so much earlier, for servers whose clock is behind ours."""

REMEMBERED = 10_000
"""Downloads that are signed once for everyone in their time bucket: signing takes 0.2 ms, and each takes 1 kB."""

CHECKSUM_HEADER = "x-amz-checksum-{}"
"""S3 API Reference, PutObject: e.g. x-amz-checksum-sha256."""

NEVER_SENT = (
    "x-amz-acl",
    "x-amz-copy-source",
    "x-amz-copy-source-range",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-amz-website-redirect-location",
)
"""S3 API Reference, PutObject, CopyObject and UploadPartCopy: with them a client could have an object copied that it
may not read, let everybody read what it uploads, or keep it from being removed. AWS refuses what is not signed."""


def absent_headers(address: S3Address) -> Sequence[str]:
    """Return the headers to sign as absent, in what a client may upload."""
    return NEVER_SENT if address.profile.signs_absence else ()


class S3Signer:
    """Signs for the public address of a bucket. Fulfils `Signer`.

    No URL is asked for that ends later than `good_for` from now: so a signature that began that long before its end
    has begun already, and needs no clock. `delivery_url` is where public objects are, such as a CDN over the bucket;
    by default the bucket itself. With an `uploader`, what clients may write is signed with its
    credentials, and can be stretched to nothing that they may not do themselves.
    """

    def __init__(
        self,
        address: S3Address,
        credentials: S3Credentials,
        *,
        uploader: S3Credentials | None = None,
        good_for: timedelta,
        delivery_url: str | None = None,
    ) -> None:
        self._address = address
        self._sigv4 = SigV4(credentials, address.region)
        self._uploader = SigV4(uploader or credentials, address.region)
        self._good_for = min(good_for + SKEW, LONGEST)
        self._delivery_url = delivery_url
        self._credentials = credentials
        self._download = lru_cache(REMEMBERED)(self._sign_download)

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
        transports = ["put", *(["post"] if self._address.profile.post_policy else [])]
        if transport not in transports:
            raise UnsupportedTransport(transport, supported=", ".join(transports))
        declared = OCTETS if content_type in UNTYPED else content_type
        if transport == "post":
            return self._form(key, declared_bytes, declared, expires_at)
        return self._put(key, declared_bytes, self._upload_headers(declared, checksum), expires_at)

    def sign_download(self, key: Key, *, expires_at: datetime) -> str:
        """See `Signer.sign_download`."""
        return self._download(key, expires_at, self._credentials.current())

    def _sign_download(self, key: Key, expires_at: datetime, _signed_with: AccessKey) -> str:
        how = "inline" if is_shown(key) else "attachment"
        return self._sigv4.url(
            "GET",
            self._address.public_url(key),
            begins_at=expires_at - self._good_for,
            expires_at=expires_at,
            params={
                "response-cache-control": "private",
                "response-content-disposition": f'{how}; filename="{file_name(key)}"',
                "response-content-type": content_type(key),
                "response-expires": format_datetime(expires_at, usegmt=True),
            },
        )

    def public_url(self, key: Key) -> str:
        """See `Signer.public_url`."""
        if self._delivery_url is None:
            return self._address.public_url(key)
        return f"{self._delivery_url}/{self._address.prefix}{key}"

    def _upload_headers(self, declared: str, checksum: Checksum | None) -> Mapping[str, str]:
        """Return what the client must send besides the length, which browsers send by themselves."""
        headers = {"content-type": declared}
        if self._address.profile.write_once:
            headers["if-none-match"] = "*"
        if checksum is not None and checksum.algorithm in self._address.profile.checksums:
            headers[CHECKSUM_HEADER.format(checksum.algorithm)] = checksum.value
        return headers

    def _put(self, key: Key, declared_bytes: int, headers: Mapping[str, str], expires_at: datetime) -> SignedUpload:
        url = self._uploader.url(
            "PUT",
            self._address.public_url(key),
            begins_at=expires_at - self._good_for,
            expires_at=expires_at,
            headers={**headers, "content-length": str(declared_bytes)},
            absent=absent_headers(self._address),
        )
        return SignedUpload("put", "PUT", url, expires_at, headers=headers)

    def _form(self, key: Key, declared_bytes: int, declared: str, expires_at: datetime) -> SignedUpload:
        """Return a form. It may be sent again until it ends: what it wrote is read by its ETag."""
        url = self._address.public_url()
        named = {"key": self._address.prefix + key, "Content-Type": declared}
        conditions: list[Condition] = [
            {"Content-Type": declared},
            ["content-length-range", declared_bytes, declared_bytes],
            {"bucket": self._address.bucket},
            {"key": named["key"]},
        ]
        fields = self._uploader.form(url, named, conditions, expires_at=expires_at)
        return SignedUpload("post", "POST", url, expires_at, fields=fields)
