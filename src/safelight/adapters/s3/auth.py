"""Signature version 4 by botocore's own signers, as of a moment that is given.

By themselves they take the time from the clock, and write what they sign into a log, session tokens included.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.auth import ISO8601, SIGV4_TIMESTAMP, UNSIGNED_PAYLOAD, S3SigV4Auth, S3SigV4PostAuth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest

from safelight.adapters.s3.credentials import AccessKey, S3Credentials

LONGEST = timedelta(days=7)
"""S3 API Reference, "Authenticating Requests: Using Query Parameters": X-Amz-Expires is at most 604800."""

UNSIGNED = str(UNSIGNED_PAYLOAD)
"""Stands for the SHA-256 of a body that is not known beforehand."""

NOTHING: Mapping[str, str] = {}

Condition = Mapping[str, str] | Sequence[str | int]
"""One line of a POST policy."""

_SERVICE = "s3"


class SigV4:
    """Signs with the keys that are good at that moment, for one region."""

    def __init__(self, credentials: S3Credentials, region: str) -> None:
        self._credentials = credentials
        self._region = region

    def headers(
        self, method: str, url: str, headers: Mapping[str, str], *, payload: str, at: datetime
    ) -> Mapping[str, str]:
        """Return the headers, a signature among them. `payload` is the SHA-256 of the body in hexadecimal digits.

        `url` has its query as it is sent.
        """
        request = AWSRequest(method=method, url=url, headers=dict(headers))
        _sign(_HeaderAuth(self._credentials.current(), self._region, payload), request, at)
        return dict(request.headers.items())

    def url(
        self,
        method: str,
        url: str,
        *,
        begins_at: datetime,
        expires_at: datetime,
        headers: Mapping[str, str] = NOTHING,
        params: Mapping[str, str] = NOTHING,
        absent: Collection[str] = (),
    ) -> str:
        """Return a URL that does this within that time, sent with these headers and no others of their names.

        Those that are `absent` may not be sent at all, where the server knows that of signed headers.
        Equal arguments give equal URLs, as long as the keys are the same.
        """
        request = AWSRequest(method=method, url=url, headers=dict(headers), params=dict(params))
        seconds = int((expires_at - begins_at).total_seconds())
        signer = _QueryAuth(self._credentials.current(), self._region, seconds, absent)
        _sign(signer, request, begins_at)
        return str(request.url)

    def form(
        self, url: str, fields: Mapping[str, str], conditions: Sequence[Condition], *, expires_at: datetime
    ) -> Mapping[str, str]:
        """Return the fields of a form, with a policy that holds whoever posts it to the conditions until then."""
        request = AWSRequest(method="POST", url=url)
        request.context["s3-presign-post-fields"] = dict(fields)
        request.context["s3-presign-post-policy"] = {
            "expiration": expires_at.astimezone(UTC).strftime(ISO8601),
            "conditions": list(conditions),
        }
        S3SigV4PostAuth(self._credentials.current(), _SERVICE, self._region).add_auth(request)
        signed: dict[str, str] = request.context["s3-presign-post-fields"]
        return signed


class _HeaderAuth(S3SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """Takes the hash of the body as it is told."""

    def __init__(self, key: AccessKey, region: str, payload: str) -> None:
        super().__init__(key, _SERVICE, region)
        self._payload = payload

    def payload(self, request: AWSRequest) -> str:  # noqa: ARG002 - the signature is botocore's
        return self._payload


class _QueryAuth(S3SigV4QueryAuth):  # type: ignore[misc]  # botocore has no types
    """Signs headers that are absent along with those that are there."""

    def __init__(self, key: AccessKey, region: str, seconds: int, absent: Collection[str]) -> None:
        super().__init__(key, _SERVICE, region, expires=seconds)
        self._absent = absent

    def signed_headers(self, headers_to_sign: Any) -> str:
        there: str = super().signed_headers(headers_to_sign)
        return ";".join(sorted({*there.split(";"), *self._absent}))


def _sign(signer: Any, request: AWSRequest, at: datetime) -> None:
    """Do what `add_auth` does, but for the clock and the log."""
    request.context["timestamp"] = at.astimezone(UTC).strftime(SIGV4_TIMESTAMP)
    signer._modify_request_before_signing(request)  # noqa: SLF001 - the one place where the time can be given
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(text, request))  # noqa: SLF001 - as above
