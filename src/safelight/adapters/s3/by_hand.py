"""What is to be done by hand at each provider, because it has no such rules, or others. As data."""

from collections.abc import Mapping
from dataclasses import dataclass

_MANAGED_READING = (
    "Keep the bucket private: made public, all of it would be, the private objects too. Put a CDN or a small proxy "
    "before it that reads public/* alone, with a key of its own, and name it in SAFELIGHT_DELIVERY_URL"
)


_UPLOADER = (
    "Attach this policy to their user: aws iam put-user-policy --user-name NAME --policy-name safelight-uploads "
    "--policy-document file://FILE"
)


@dataclass(frozen=True, slots=True)
class ByHand:
    """For each of the rules what to do instead; empty where the S3 call does it. `aborts`: see `lifecycle_rules`.

    `uploader`: how credentials come to have the right to upload, and no other; `names_users`: whether a bucket's policy
    can give and deny rights to one user.
    """

    cors: str = ""
    policy: str = ""
    lifecycle: str = ""
    aborts: bool = True
    also: str = ""
    uploader: str = _UPLOADER
    names_users: bool = True


BY_HAND: Mapping[str, ByHand] = {
    "aws": ByHand(
        also="Block Public Access must let bucket policies be (BlockPublicPolicy and RestrictPublicBuckets off, the "
        "two for ACLs on); or keep it all on, and let CloudFront read public/* with an origin access control"
    ),
    "r2": ByHand(
        policy=f"R2 has no bucket policies. {_MANAGED_READING} (a Worker with a binding to the bucket)",
        uploader="R2 has no tokens that write and do not read: do without such credentials",
        names_users=False,
    ),
    "b2": ByHand(
        policy=f"B2 has no bucket policies. {_MANAGED_READING}",
        uploader="B2 has application keys instead: b2 key create --bucket BUCKET --name-prefix incoming/ "
        "safelight-uploads writeFiles",
        names_users=False,
    ),
    "gcs": ByHand(
        cors="Cloud Storage takes CORS in a form of its own: gcloud storage buckets update gs://BUCKET "
        '--cors-file=FILE, with [{"origin": [...], "method": [...], "responseHeader": [...], "maxAgeSeconds": 3600}]',
        policy="Cloud Storage takes IAM in place of bucket policies: make a managed folder public/, and give allUsers "
        "the role roles/storage.objectViewer there, and nowhere else",
        lifecycle="Cloud Storage takes lifecycle rules in a form of its own: gcloud storage buckets update gs://BUCKET "
        "--lifecycle-file=FILE, with an action Delete for age and matchesPrefix, and AbortIncompleteMultipartUpload",
        uploader="Cloud Storage takes IAM instead: make a managed folder incoming/, give a service account the role "
        "roles/storage.objectCreator there, and nowhere else, and make an HMAC key for it",
        names_users=False,
    ),
    "minio": ByHand(
        cors="MinIO has CORS for the whole server: set MINIO_API_CORS_ALLOW_ORIGIN to your origins, commas between",
        aborts=False,
        also="MinIO removes abandoned parts by itself, after a day (MINIO_API_STALE_UPLOADS_EXPIRY)",
        uploader="mc admin policy create ALIAS safelight-uploads FILE, and mc admin policy attach ALIAS "
        "safelight-uploads --user ACCESS_KEY_ID",
        names_users=False,
    ),
    "ceph": ByHand(
        uploader="On Ceph let the bucket's policy do it, for a subuser of its owner: radosgw-admin subuser create "
        "--uid UID --subuser UID:uploads --access=write --key-type=s3 --gen-access-key --gen-secret, and then "
        "safelight storage setup --apply --uploader arn:aws:iam:::user/UID:uploads",
    ),
    "generic": ByHand(),
}
"""By the names of the profiles."""
