"""A place on a real S3 server, for tests: a Ceph of our own, or what SAFELIGHT_TEST_S3_URL names.

with s3_place() as place:
    url = place.new_url()
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import httpx
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from safelight.testing.ceph import REGION, CephServer

SETTING = "SAFELIGHT_TEST_S3_URL"
"""The URL of a bucket, as in SAFELIGHT_STORAGE_URL but without a prefix; AWS's own variables hold the credentials."""

CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@dataclass(frozen=True, slots=True)
class S3Place:
    """A bucket for tests. `environment` has the variables that hand over the credentials."""

    url: str
    environment: Mapping[str, str]

    def new_url(self) -> str:
        """Return the setting of a part of the bucket where nothing is yet."""
        return f"{self.url}{'&' if '?' in self.url else '?'}prefix=test-{secrets.token_hex(8)}"

    def new_bucket_url(self) -> str:
        """Make a bucket beside it, for rules of its own, and return its setting. Raises httpx.HTTPError."""
        parts = urlsplit(self.url)
        parameters = dict(parse_qsl(parts.query))
        region = parameters.get("region", REGION)
        endpoint = parameters.get("endpoint", f"https://s3.{region}.amazonaws.com")
        name = f"test-{secrets.token_hex(8)}"
        key, secret, *token = (self.environment[one] for one in CREDENTIALS if one in self.environment)
        request = AWSRequest(method="PUT", url=f"{endpoint}/{name}", data=b"")
        S3SigV4Auth(Credentials(key, secret, *token), "s3", region).add_auth(request)
        httpx.put(request.url, headers=dict(request.headers.items())).raise_for_status()
        return parts._replace(netloc=name).geturl()


@contextmanager
def s3_place() -> Iterator[S3Place]:
    """Give a place until the end of the block. Raises NotInstalled, RuntimeError."""
    if url := os.environ.get(SETTING):
        yield S3Place(url, {name: os.environ[name] for name in CREDENTIALS if name in os.environ})
        return
    with CephServer() as ceph:
        yield S3Place(ceph.storage_url(ceph.create_bucket()), ceph.environment)
