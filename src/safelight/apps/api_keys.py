"""Makes, lists and revokes the application's API keys."""

import secrets
from collections.abc import Collection

from pydantic import SecretStr

from safelight.apps.wiring import World
from safelight.domain import api_keys
from safelight.domain.events import Action, Origin
from safelight.domain.who import SYSTEM, ApiKey, ApiKeyId, Scope
from safelight.ports.clock import Clock, Ids
from safelight.ports.records import Records

SECRET_BYTES = 32
EVERY_SCOPE = frozenset(Scope)
FIRST_NAME = "first"


class KeyInvalid(Exception):
    """A key that was given cannot be used: it has not the form of one, or does not fit what is kept of it."""


async def first_key(world: World, given: SecretStr | None) -> str | None:
    """See that there is a key: the given one, or else a new one where there is none at all, which is returned.

    Raises KeyInvalid.
    """
    if given is not None:
        named = api_keys.parse(given.get_secret_value())
        if named is None:
            raise KeyInvalid(
                "SAFELIGHT_BOOTSTRAP_KEY must look like sl_<32 hexadecimal digits>_<32 or more letters and digits>"
            )
        await _keep(*named, FIRST_NAME, EVERY_SCOPE, records=world.records, clock=world.clock)
        await _see_that_it_opens(*named, records=world.records, clock=world.clock)
        return None
    async with world.records.reading() as snapshot:
        if await snapshot.api_keys():
            return None
    return await create_key(FIRST_NAME, EVERY_SCOPE, records=world.records, clock=world.clock, ids=world.ids)


async def _see_that_it_opens(key_id: ApiKeyId, secret: str, *, records: Records, clock: Clock) -> None:
    async with records.reading() as snapshot:
        key = await snapshot.api_key(key_id)
    if key is not None and key.revoked_at is not None:
        raise KeyInvalid(f"SAFELIGHT_BOOTSTRAP_KEY: key {key_id} was revoked. Give one with another id, or none")
    if key is None or not api_keys.opens(key, secret, now=clock.now()):
        raise KeyInvalid(
            f"SAFELIGHT_BOOTSTRAP_KEY: key {key_id} exists with another secret. Give that one, or a key with another id"
        )


async def create_key(name: str, scopes: Collection[Scope], *, records: Records, clock: Clock, ids: Ids) -> str:
    """Make a key and return it: this is the only time that its secret is seen."""
    key_id, secret = ApiKeyId(ids.new()), secrets.token_urlsafe(SECRET_BYTES)
    await _keep(key_id, secret, name, frozenset(scopes), records=records, clock=clock)
    return api_keys.write(key_id, secret)


async def revoke_key(key_id: ApiKeyId, *, records: Records, clock: Clock) -> bool:
    """Revoke a key; False where there is none of that id that could be."""
    async with records.transaction() as tx:
        revoked = await tx.revoke_api_key(key_id, at=clock.now())
        if revoked:
            await tx.audit(Origin(SYSTEM).event(Action.KEY_REVOKED, at=clock.now(), result=key_id))
    return revoked


async def _keep(
    key_id: ApiKeyId, secret: str, name: str, scopes: frozenset[Scope], *, records: Records, clock: Clock
) -> None:
    key = ApiKey(key_id, name, api_keys.digest(secret), scopes, clock.now())
    async with records.transaction() as tx:
        if await tx.api_key(key_id) is None:
            await tx.add_api_key(key)
            await tx.audit(Origin(SYSTEM).event(Action.KEY_CREATED, at=key.created_at, result=key_id))
