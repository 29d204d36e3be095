"""Makes, rotates and revokes the application's API keys."""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from pydantic import SecretStr

from safelight.apps.wiring import World
from safelight.domain import api_keys
from safelight.domain.events import Action, Origin
from safelight.domain.who import SYSTEM, ApiKey, ApiKeyId, Scope
from safelight.ports.clock import Clock, Ids
from safelight.ports.records import Records, Transaction

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
        await keep_given_key(world, given)
        return None
    async with world.records.reading() as snapshot:
        if await snapshot.api_keys():
            return None
    return await create_key(FIRST_NAME, EVERY_SCOPE, records=world.records, clock=world.clock, ids=world.ids)


async def keep_given_key(world: World, given: SecretStr) -> None:
    """See that there is a given key. Several processes may at once. Raises KeyInvalid."""
    key_id, secret = parsed_key(given)
    first = ApiKey(key_id, FIRST_NAME, api_keys.digest(secret), EVERY_SCOPE, world.clock.now())
    async with world.records.transaction() as tx:
        await _keep(first, tx)
    await _see_that_it_opens(key_id, secret, records=world.records, clock=world.clock)


def parsed_key(given: SecretStr) -> tuple[ApiKeyId, str]:
    """Return the id and the secret of a given key. Raises KeyInvalid."""
    named = api_keys.parse(given.get_secret_value())
    if named is None:
        raise KeyInvalid(
            "SAFELIGHT_BOOTSTRAP_KEY must look like sl_<32 hexadecimal digits>_<32 or more letters and digits>"
        )
    return named


async def _see_that_it_opens(key_id: ApiKeyId, secret: str, *, records: Records, clock: Clock) -> None:
    async with records.reading() as snapshot:
        key = await snapshot.api_key(key_id)
    if key is not None and key.has_ended(clock.now()):
        raise KeyInvalid(
            f"SAFELIGHT_BOOTSTRAP_KEY: key {key_id} was revoked or has ended. Give one with another id, or none"
        )
    if key is None or not api_keys.opens(key, secret, now=clock.now()):
        raise KeyInvalid(
            f"SAFELIGHT_BOOTSTRAP_KEY: key {key_id} exists with another secret. Give that one, or a key with another id"
        )


async def create_key(
    name: str,
    scopes: Collection[Scope],
    *,
    expires_at: datetime | None = None,
    records: Records,
    clock: Clock,
    ids: Ids,
) -> str:
    """Make a key and return it: this is the only time that its secret is seen."""
    key, text = _new_key(name, frozenset(scopes), expires_at, clock=clock, ids=ids)
    async with records.transaction() as tx:
        await _keep(key, tx)
    return text


async def rotate_key(
    key_id: ApiKeyId, *, overlap: timedelta, records: Records, clock: Clock, ids: Ids
) -> tuple[str, datetime]:
    """Make a key that may do the same and return it, with when the old one ends: after `overlap`, or as it had before.

    Raises KeyInvalid.
    """
    now = clock.now()
    async with records.transaction() as tx:
        old = await tx.api_key(key_id)
        if old is None or old.has_ended(now):
            raise KeyInvalid(
                f"There is no key {key_id}, or it was revoked or has ended. `safelight keys list` shows what there is"
            )
        key, text = _new_key(old.name, old.scopes, None, clock=clock, ids=ids)
        ends_at = min(now + overlap, old.expires_at or now + overlap)
        await tx.expire_api_key(key_id, at=ends_at)
        await _keep(key, tx)
        rotated = Origin(SYSTEM).event(
            Action.KEY_ROTATED, at=now, target=f"key:{key_id}", result=f"followed by {key.id}"
        )
        await tx.audit(rotated)
    return text, ends_at


async def revoke_key(key_id: ApiKeyId, *, records: Records, clock: Clock) -> bool:
    """Revoke a key; False where there is none of that id that could be."""
    async with records.transaction() as tx:
        revoked = await tx.revoke_api_key(key_id, at=clock.now())
        if revoked:
            await tx.audit(Origin(SYSTEM).event(Action.KEY_REVOKED, at=clock.now(), target=f"key:{key_id}"))
    return revoked


def _new_key(
    name: str, scopes: frozenset[Scope], expires_at: datetime | None, *, clock: Clock, ids: Ids
) -> tuple[ApiKey, str]:
    """Return a random key, and its text to hand out."""
    key_id, secret = ApiKeyId(ids.new()), secrets.token_urlsafe(SECRET_BYTES)
    key = ApiKey(key_id, name, api_keys.digest(secret), scopes, clock.now(), expires_at=expires_at)
    return key, api_keys.write(key_id, secret)


async def _keep(key: ApiKey, tx: Transaction) -> None:
    """Keep a key, unless there is one with its id."""
    if await tx.api_key(key.id) is None:
        await tx.add_api_key(key)
        await tx.audit(Origin(SYSTEM).event(Action.KEY_CREATED, at=key.created_at, target=f"key:{key.id}"))
