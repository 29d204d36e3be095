"""API keys as the application sends them: `sl_<id>_<secret>`. Only the hash of the secret is kept."""

import hashlib
import hmac
import re
from datetime import datetime

from safelight.domain.who import ApiKey, ApiKeyId

PREFIX = "sl_"
_FORM = re.compile(r"sl_([0-9a-f]{32})_([A-Za-z0-9_-]{32,128})")


def write(key_id: ApiKeyId, secret: str) -> str:
    """Return the key to hand out."""
    return f"{PREFIX}{key_id}_{secret}"


def parse(text: str) -> tuple[ApiKeyId, str] | None:
    """Return id and secret of what looks like an API key, else None."""
    match = _FORM.fullmatch(text)
    return (ApiKeyId(match[1]), match[2]) if match else None


def digest(secret: str) -> str:
    """Return what is kept of a secret. It is random and long, so that a plain hash keeps it safe."""
    return hashlib.sha256(secret.encode()).hexdigest()


def opens(key: ApiKey, secret: str, *, now: datetime) -> bool:
    """Whether this is the secret of a key that is neither revoked nor past its end."""
    return hmac.compare_digest(key.secret_sha256, digest(secret)) and not key.has_ended(now)
