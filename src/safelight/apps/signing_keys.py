"""Rotates and retires signing keys, whether a server runs or not: it reads its keyring again when that changes."""

from collections.abc import Callable

from safelight.adapters.keyring import change_keyring, new_key
from safelight.apps.beside import records_for
from safelight.apps.wiring import keyring_path
from safelight.domain.events import Action, Origin
from safelight.domain.tokens import Keyring
from safelight.domain.who import SYSTEM
from safelight.ports.clock import Clock
from safelight.settings import Settings

SEE_LIST = "`safelight signing-keys list` shows what there is"


class SigningKeyRefused(Exception):
    """What was asked for cannot be done with this signing key. The text says why, and what to do."""


async def add_signing_key(settings: Settings, *, signs: bool, clock: Clock) -> str:
    """Add a random key, which signs from now on or only verifies, and return its id. The others go on verifying.

    Raises KeyringInvalid, DataNotReady, StorageFailed, OSError.
    """
    (key_id, key), now = new_key(), clock.now()

    def add(ring: Keyring) -> Keyring:
        return Keyring({**ring.keys, key_id: key}, key_id if signs else ring.signing, {**ring.created_at, key_id: now})

    action = Action.SIGNING_KEY_ROTATED if signs else Action.SIGNING_KEY_ADDED
    await _change(settings, add, action, key_id, clock)
    return key_id


async def sign_with(settings: Settings, key_id: str, *, clock: Clock) -> None:
    """Sign with a key that is there already. Raises SigningKeyRefused, and what `add_signing_key` raises."""

    def choose(ring: Keyring) -> Keyring:
        _see_that_it_is_there(ring, key_id)
        return Keyring(ring.keys, key_id, ring.created_at)

    await _change(settings, choose, Action.SIGNING_KEY_ROTATED, key_id, clock)


async def retire_signing_key(settings: Settings, key_id: str, *, clock: Clock) -> None:
    """Remove a key: what it signed ends now. Raises SigningKeyRefused, and what `add_signing_key` raises."""

    def remove(ring: Keyring) -> Keyring:
        see_that_it_can_retire(ring, key_id)
        keys = {other: key for other, key in ring.keys.items() if other != key_id}
        return Keyring(keys, ring.signing, {other: at for other, at in ring.created_at.items() if other in keys})

    await _change(settings, remove, Action.SIGNING_KEY_RETIRED, key_id, clock)


def see_that_it_can_retire(ring: Keyring, key_id: str) -> None:
    """Raise SigningKeyRefused where the key is not there, or signs."""
    _see_that_it_is_there(ring, key_id)
    if key_id == ring.signing:
        raise SigningKeyRefused(
            f"Signing key {key_id} signs, so it cannot be retired. Make another one sign first: "
            "safelight signing-keys rotate"
        )


def _see_that_it_is_there(ring: Keyring, key_id: str) -> None:
    if key_id not in ring.keys:
        raise SigningKeyRefused(f"There is no signing key {key_id}. {SEE_LIST}")


async def _change(
    settings: Settings, change: Callable[[Keyring], Keyring], action: Action, key_id: str, clock: Clock
) -> None:
    """Change the file, and note it in the audit log first: what cannot be noted is not done."""
    async with records_for(settings) as records, records.transaction() as tx:
        await tx.audit(Origin(SYSTEM).event(action, at=clock.now(), target=f"signing_key:{key_id}"))
        change_keyring(keyring_path(settings), change)
