"""How tests say who calls: by API keys, and by JWTs that are taken at their word."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any

from safelight.domain import api_keys
from safelight.domain.who import ApiKey, ApiKeyId, Scope

SECRET = "s" * 32
KEY_ID = ApiKeyId("a" * 32)
KEY = api_keys.write(KEY_ID, SECRET)

AddKey = Callable[..., Awaitable[str]]


def bearer(credential: str, scheme: str = "Bearer") -> dict[str, str]:
    """Return the header that shows a credential."""
    return {"authorization": f"{scheme} {credential}"}


def by_user(user_id: str) -> dict[str, str]:
    """Return the header of a user, where `UsersAtTheirWord` says who it is."""
    return bearer(f"user.{user_id}.jwt")


async def keep_key(
    stage: Any, scopes: Iterable[Scope] = Scope, *, key_id: ApiKeyId = KEY_ID, expires_at: datetime | None = None
) -> str:
    """Keep an API key, by default KEY with every scope, and return it as it is shown."""
    key = ApiKey(key_id, "test", api_keys.digest(SECRET), frozenset(scopes), stage.clock.now(), expires_at=expires_at)
    async with stage.records.transaction() as tx:
        await tx.add_api_key(key)
    return api_keys.write(key_id, SECRET)
