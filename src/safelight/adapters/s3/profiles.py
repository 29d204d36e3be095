"""What the providers of S3 do differently, as data. `safelight doctor --storage` proves it on a live bucket."""

from collections.abc import Mapping
from dataclasses import dataclass

from safelight.domain.image import ChecksumAlgorithm

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Profile:
    """One provider. What is false or empty is done without, safely."""

    name: str
    endpoint: str | None = None
    """Its address, with `{region}` where that has its place; None where every customer has an address of its own."""
    region: str | None = None
    """The region where none is named; None where one must be named."""
    path_style: bool = False
    """Whether buckets lie under the endpoint's path (`https://host/bucket/key`), or have a host each."""
    write_once: bool = False
    """Whether `If-None-Match: *` keeps an upload from being written twice. Else a URL may be used until it ends."""
    post_policy: bool = False
    """Whether HTML forms can upload, bounded by a signed policy."""
    copy_if_match: bool = False
    """Whether a copy can be bound to the source's ETag. Else the bytes are copied through this process."""
    signs_absence: bool = False
    """Whether a header that is signed, and not sent, keeps clients from adding it."""
    refuses_unsigned: bool = False
    """Whether headers that begin with x-amz- are refused where they are not signed. With neither of the two, whoever
    has an upload URL may be able to do all that the credentials may by which it was signed."""
    checksums: frozenset[ChecksumAlgorithm] = frozenset()
    """Checksums that a signed upload is held to. Else the worker holds the bytes to them."""
    largest_put: int = 5 * GIB
    """For one PUT or one part. It is AWS's, and nobody has less."""


_ALL = (
    Profile(
        "aws",
        endpoint="https://s3.{region}.amazonaws.com",  # AWS General Reference, Amazon S3 endpoints
        write_once=True,  # S3 User Guide, "Conditional writes"
        post_policy=True,  # S3 API Reference, "POST Object"
        copy_if_match=True,  # S3 API Reference, CopyObject: x-amz-copy-source-if-match
        refuses_unsigned=True,  # S3 API Reference, "Using Query Parameters": every x-amz-* that is sent must be signed
        checksums=frozenset(ChecksumAlgorithm),  # S3 User Guide, "Checking object integrity": x-amz-checksum-*
    ),
    Profile(
        "r2",
        region="auto",  # Cloudflare R2 documentation, "S3 API compatibility"
        path_style=True,  # as its own examples do
        write_once=True,  # R2 documentation, "Conditional operations": on PutObject
        copy_if_match=True,  # the same page: on CopyObject
        # No POST policy: 501 "Presigned post requests are not yet implemented".
    ),
    Profile(
        "b2",
        endpoint="https://s3.{region}.backblazeb2.com",  # Backblaze documentation, "S3-Compatible API"
        # No POST (501), no If-None-Match on PUT ("NotImplemented"), and x-amz-checksum-* are refused with 400.
    ),
    Profile(
        "gcs",
        endpoint="https://storage.googleapis.com",  # Google Cloud documentation, "XML API request endpoints"
        region="auto",  # the same documentation, "Simple migration": the region is not looked at
        path_style=True,
        post_policy=True,  # the same documentation, "Policy documents": content-length-range is honoured
        # No If-None-Match on PUT: its own header x-goog-if-generation-match must not be mixed with x-amz-* ones.
    ),
    Profile(
        "minio",
        region="us-east-1",  # its own default
        path_style=True,  # its own default: hosts for buckets need MINIO_DOMAIN
        write_once=True,  # minio/minio pull request 19448
        post_policy=True,  # MinIO's presigned POST, as of its SDKs
        # Copies can be bound as well, by its source; not tried, so not counted upon.
    ),
    Profile(
        "ceph",
        region="us-east-1",  # tried on 16.2: any name is taken
        path_style=True,  # hosts for buckets need `rgw dns name`
        write_once=True,  # tried on 16.2: 412
        post_policy=True,  # tried on 16.2: size, key, type and expiry are held
        signs_absence=True,  # tried on 16.2, which takes headers that are not signed: a copy of any object, or an ACL
        # Tried on 16.2: x-amz-copy-source-if-match and x-amz-checksum-* are passed over.
    ),
    Profile("generic", region="us-east-1", path_style=True),
)

PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in _ALL}
"""Every profile by its name. `generic` counts on nothing but signed URLs."""
