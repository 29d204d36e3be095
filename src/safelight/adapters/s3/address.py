"""Where a bucket is: the setting `s3://bucket?...`, parsed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, quote, urlsplit

from safelight.adapters.s3.profiles import PROFILES, Profile

PARAMETERS = ("profile", "region", "endpoint", "public_endpoint", "path_style", "prefix", "aws_profile")

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""S3 User Guide, "General purpose buckets naming rules"."""
_REGION = re.compile(r"[a-z0-9][a-z0-9-]*")
_PREFIX = re.compile(r"[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*")
_ADDRESS = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9a-f:]+\])(?::[1-9][0-9]{0,4})?/?")
_YES_NO = {"true": True, "false": False}

EXAMPLE = "s3://bucket?region=eu-central-1 or s3://bucket?profile=minio&endpoint=https://host"


@dataclass(frozen=True, slots=True)
class S3Address:
    """One bucket, or the part of it under `prefix`: how we reach it, and how clients do.

    Endpoints have no slash at the end; the prefix ends with one, or is empty. Credentials are never part of it, but
    `aws_profile` may name those of the shared files that are meant, where there are several.
    """

    bucket: str
    profile: Profile
    region: str
    endpoint: str
    public_endpoint: str
    path_style: bool
    prefix: str = ""
    aws_profile: str | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return what a URL says. Raises ValueError with what to write instead."""
        parts = urlsplit(url)
        if parts.scheme != "s3":
            raise ValueError(f"must be like {EXAMPLE}")
        if "@" in parts.netloc:
            raise ValueError(
                "must hold no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use an instance role"
            )
        if not _BUCKET.fullmatch(parts.netloc):
            raise ValueError(f"names no bucket: 3 to 63 lower-case letters, digits, dots and hyphens, as in {EXAMPLE}")
        if parts.path.strip("/") or parts.fragment:
            raise ValueError("has a path: write ?prefix=... for a part of the bucket")
        return cls._of(parts.netloc, _parameters(parts.query))

    @classmethod
    def _of(cls, bucket: str, given: Mapping[str, str]) -> Self:
        profile = _profile(given)
        region = _region(given, profile)
        endpoint = _endpoint(given, profile, region)
        return cls(
            bucket=bucket,
            profile=profile,
            region=region,
            endpoint=endpoint,
            public_endpoint=_url("public_endpoint", given["public_endpoint"])
            if "public_endpoint" in given
            else endpoint,
            path_style=_path_style(given, profile, bucket),
            prefix=_prefix(given),
            aws_profile=given.get("aws_profile"),
        )

    def url(self, key: str = "") -> str:
        """Return where an object, or else the bucket, is for ourselves."""
        return self._url(self.endpoint, self.prefix + key if key else "")

    def public_url(self, key: str = "") -> str:
        """Return where an object, or else the bucket, is for clients."""
        return self._url(self.public_endpoint, self.prefix + key if key else "")

    @property
    def obstore_endpoint(self) -> str:
        """The endpoint as obstore wants it: with the bucket's own host, where it has one."""
        return self.endpoint if self.path_style else self.url().rstrip("/")

    def _url(self, endpoint: str, name: str) -> str:
        if self.path_style:
            return f"{endpoint}/{self.bucket}/{quote(name, safe='/~')}".rstrip("/")
        scheme, _, host = endpoint.partition("://")
        return f"{scheme}://{self.bucket}.{host}/{quote(name, safe='/~')}"


def _parameters(query: str) -> Mapping[str, str]:
    given = parse_qsl(query, keep_blank_values=True)
    for name, value in given:
        if name not in PARAMETERS:
            raise ValueError(f"has an unknown parameter {name!r}; there are {', '.join(PARAMETERS)}")
        if not value:
            raise ValueError(f"has no value for {name}: give one, or leave it out")
    if len(dict(given)) < len(given):
        raise ValueError("names a parameter twice")
    return dict(given)


def _profile(given: Mapping[str, str]) -> Profile:
    """Return the profile: where none is named, AWS's, or for an endpoint of its own the one that counts on least."""
    name = given.get("profile", "generic" if "endpoint" in given else "aws")
    if name not in PROFILES:
        raise ValueError(f"has an unknown profile {name!r}; there are {', '.join(PROFILES)}")
    return PROFILES[name]


def _region(given: Mapping[str, str], profile: Profile) -> str:
    region = given.get("region", profile.region)
    if region is None:
        raise ValueError(f"needs region=..., the region that the bucket was made in, with profile {profile.name}")
    if not _REGION.fullmatch(region):
        raise ValueError(f"has a region {region!r} that is none: write it like eu-central-1")
    return region


def _endpoint(given: Mapping[str, str], profile: Profile, region: str) -> str:
    if "endpoint" in given:
        return _url("endpoint", given["endpoint"])
    if profile.endpoint is None:
        raise ValueError(f"needs endpoint=https://..., the address of the S3 server, with profile {profile.name}")
    return profile.endpoint.format(region=region)


def _url(name: str, text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError(
            f"has no address as its {name}: write {name}=https://host or {name}=http://host:port, without a path; "
            "the bucket is named once, before the question mark"
        )
    return text.rstrip("/")


def _path_style(given: Mapping[str, str], profile: Profile, bucket: str) -> bool:
    """Return the style: a bucket with a dot fits no certificate as a host, so by default it is a path."""
    text = given.get("path_style")
    if text is None:
        return profile.path_style or "." in bucket
    if text not in _YES_NO:
        raise ValueError("must have path_style=true or path_style=false")
    return _YES_NO[text]


def _prefix(given: Mapping[str, str]) -> str:
    prefix = given.get("prefix", "").strip("/")
    if prefix and not _PREFIX.fullmatch(prefix):
        raise ValueError("has a prefix that is none: letters, digits, hyphens and underlines, with / between")
    return f"{prefix}/" if prefix else ""
