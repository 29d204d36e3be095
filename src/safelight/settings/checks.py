"""What a setting must be beside others: each check takes its value and theirs, and returns it or raises ValueError.

Those that were wrong themselves are not among the others.
"""

from datetime import timedelta

from pydantic import SecretStr, ValidationInfo

from safelight.adapters.jwt.agreement import (
    algorithms_with_keys,
    algorithms_with_secret,
    check_jwks_url,
    check_secret,
)
from safelight.adapters.webhook.secret import secret_bytes

A_NEW_SECRET = "echo whsec_$(head -c 32 /dev/urandom | base64)"  # noqa: S105 - a command that makes one
"""Prints a secret that can be used."""


def is_another_store(mirror: str | None, others: ValidationInfo) -> str | None:
    """See that the mirror is another store than the first, and that one of the two is a bucket."""
    if mirror is None or "storage_url" not in others.data:
        return mirror
    if mirror == others.data["storage_url"]:
        raise ValueError("must be another store than SAFELIGHT_STORAGE_URL")
    if others.data["storage_url"] is None and "://" not in mirror:
        raise ValueError("must be a bucket, s3://..., where SAFELIGHT_STORAGE_URL names none")
    return mirror


def with_its_access_key(secret: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
    """See that an access key and its secret come together."""
    if "upload_access_key_id" not in others.data:
        return secret
    key_id = others.data["upload_access_key_id"]
    if secret is None and key_id is not None:
        raise ValueError("is not set, and SAFELIGHT_UPLOAD_ACCESS_KEY_ID is")
    if secret is not None and key_id is None:
        raise ValueError("is set, and SAFELIGHT_UPLOAD_ACCESS_KEY_ID is not")
    return secret


def alone(profile: str | None, others: ValidationInfo) -> str | None:
    """See that the uploader's credentials are named in one way."""
    if profile is not None and others.data.get("upload_access_key_id") is not None:
        raise ValueError("takes the place of SAFELIGHT_UPLOAD_ACCESS_KEY_ID. Set one of them")
    return profile


def is_long_and_secret(secret: SecretStr | None) -> SecretStr | None:
    """See that a JWT secret is one that nobody guesses."""
    if secret is not None:
        check_secret(secret.get_secret_value())
    return secret


def cannot_be_altered(url: str | None, others: ValidationInfo) -> str | None:
    """See that the JWKS alone says what is signed, and comes as it was sent."""
    if url and others.data.get("jwt_secret"):
        raise ValueError("takes the place of SAFELIGHT_JWT_SECRET. Set one of them")
    if url:
        check_jwks_url(url)
    return url


def of_what_signs(wanted: tuple[str, ...], others: ValidationInfo) -> tuple[str, ...]:
    """Return the algorithms that JWTs may have, by whether a secret or a JWKS says who signs."""
    if not {"jwt_secret", "jwt_jwks_url"} <= others.data.keys():
        return wanted  # what signs is wrong itself
    secret: SecretStr | None = others.data["jwt_secret"]
    if secret is not None:
        return algorithms_with_secret(wanted, secret.get_secret_value())
    if others.data["jwt_jwks_url"] is not None:
        return algorithms_with_keys(wanted)
    if wanted:
        raise ValueError("is set, and neither SAFELIGHT_JWT_SECRET nor SAFELIGHT_JWT_JWKS_URL is")
    return wanted


def named_with_a_jwks(name: str | None, others: ValidationInfo) -> str | None:
    """See that JWTs are for us, where keys sign for others, too."""
    if name is None and others.data.get("jwt_jwks_url"):
        raise ValueError("is not set, and SAFELIGHT_JWT_JWKS_URL is, whose keys sign for others, too")
    return name


def holds_a_rendering(timeout: timedelta, others: ValidationInfo) -> timedelta:
    """See that there is time for one image in the sandbox."""
    rendering = others.data.get("render_timeout")
    if rendering is not None and timeout < rendering:
        raise ValueError(f"must be at least SAFELIGHT_RENDER_TIMEOUT, which is {rendering.total_seconds():g}")
    return timeout


def leaves_time_to_render(timeout: timedelta, others: ValidationInfo) -> timedelta:
    """See that a scanner that hangs is found out as one before the time for the whole image is over."""
    whole, rendering = others.data.get("process_timeout"), others.data.get("render_timeout")
    if whole is not None and rendering is not None and timeout + rendering > whole:
        left = (whole - rendering).total_seconds()
        raise ValueError(f"must leave SAFELIGHT_PROCESS_TIMEOUT time to render: it may be {left:g} at most")
    return timeout


def by_https(url: str | None, others: ValidationInfo) -> str | None:
    """See that webhooks go by https, unless private networks are allowed."""
    if url and url.startswith("http://") and not others.data.get("webhook_private"):
        raise ValueError(
            "must begin with https://; SAFELIGHT_WEBHOOK_PRIVATE=true allows http, for an application in your own "
            "network"
        )
    return url


def can_sign(secret: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
    """See that there is a secret where there is somebody to tell, and that it is one."""
    if secret is None and others.data.get("webhook_url"):
        raise ValueError(
            f"is not set, and SAFELIGHT_WEBHOOK_URL is. Make one, and tell the application: {A_NEW_SECRET}"
        )
    if secret is not None and not _is_webhook_secret(secret.get_secret_value()):
        raise ValueError(f"must be whsec_ and base64 of 24 to 64 bytes. This makes one: {A_NEW_SECRET}")
    return secret


def _is_webhook_secret(secret: str) -> bool:
    try:
        secret_bytes(secret)
    except ValueError:
        return False
    return True
