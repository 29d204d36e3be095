"""The secret that Safelight and the application share, as Standard Webhooks 1.0.0 writes it."""

import base64

SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with is none itself
SECRET_BYTES = range(24, 65)
"""Standard Webhooks 1.0.0 wants secrets of 24 to 64 bytes."""


def secret_bytes(secret: str) -> bytes:
    """Return the key within `whsec_...`. The library would take a mistyped one as it is. Raises ValueError."""
    encoded = secret.removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError as error:  # also of what is not ASCII
        raise ValueError("the webhook secret is not whsec_ and base64") from error
    if not secret.startswith(SECRET_PREFIX) or len(key) not in SECRET_BYTES:
        raise ValueError("the webhook secret must be whsec_ and base64 of 24 to 64 bytes")
    return key
