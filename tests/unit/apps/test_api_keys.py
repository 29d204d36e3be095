"""The key that a setting gives must be the one that is kept; a rotated one has a successor, and ends."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from safelight.apps.api_keys import KeyInvalid, first_key, revoke_key, rotate_key
from safelight.domain import api_keys
from safelight.domain.events import Action
from safelight.domain.who import ApiKey, ApiKeyId
from safelight.ports.snapshot import AuditFilter
from safelight.testing.fakes import NOW

DAY = timedelta(days=1)
KEY_ID = "a" * 32
GIVEN = SecretStr(f"sl_{KEY_ID}_{'s' * 40}")
OTHER = SecretStr(f"sl_{KEY_ID}_{'t' * 40}")


async def start(stage: Any, given: SecretStr) -> str | None:
    world: Any = SimpleNamespace(records=stage.records, clock=stage.clock, ids=stage.ids)
    return await first_key(world, given)


async def test_the_same_key_may_be_given_at_every_start(stage: Any):
    assert [await start(stage, GIVEN) for _ in range(2)] == [None, None]


async def test_another_secret_for_a_key_that_exists_is_refused(stage: Any):
    await start(stage, GIVEN)

    with pytest.raises(KeyInvalid, match="another secret"):
        await start(stage, OTHER)


async def test_a_key_that_was_revoked_is_refused(stage: Any):
    await start(stage, GIVEN)
    await revoke_key(ApiKeyId(KEY_ID), records=stage.records, clock=stage.clock)

    with pytest.raises(KeyInvalid, match="revoked"):
        await start(stage, GIVEN)


async def test_a_rotation_is_one_step_and_says_in_the_log_which_key_follows_which(stage: Any):
    await start(stage, GIVEN)
    await rotate(stage)

    old, new = await old_and_new(stage)
    async with stage.records.reading() as snapshot:
        events = await snapshot.audit_log(AuditFilter(), after=None, limit=10)

    rotated = next(event for _, event in events if event.action is Action.KEY_ROTATED)
    assert (rotated.target, rotated.result) == (f"key:{old.id}", f"followed by {new.id}")
    assert (old.expires_at, new.expires_at) == (NOW + DAY, None)
    assert (new.name, new.scopes) == (old.name, old.scopes)


async def test_the_old_key_opens_until_its_end_and_the_new_one_after_it(stage: Any):
    await start(stage, GIVEN)
    text, ends_at = await rotate(stage)
    _, secret = api_keys.parse(text) or (None, "")

    old, new = await old_and_new(stage)

    just_before = ends_at - timedelta(microseconds=1)
    assert [api_keys.opens(old, "s" * 40, now=at) for at in (just_before, ends_at)] == [True, False]
    assert api_keys.opens(new, secret, now=ends_at)


async def test_rotating_again_does_not_lengthen_the_life_of_a_key(stage: Any):
    await start(stage, GIVEN)
    await rotate(stage, overlap=timedelta(hours=1))

    _, ends_at = await rotate(stage, overlap=DAY)

    assert ends_at == NOW + timedelta(hours=1)


async def test_a_given_key_that_was_rotated_and_has_ended_is_refused(stage: Any):
    await start(stage, GIVEN)
    await rotate(stage)
    stage.clock.advance(DAY)

    with pytest.raises(KeyInvalid, match="has ended"):
        await start(stage, GIVEN)


async def rotate(stage: Any, *, overlap: timedelta = DAY) -> tuple[str, datetime]:
    return await rotate_key(ApiKeyId(KEY_ID), overlap=overlap, records=stage.records, clock=stage.clock, ids=stage.ids)


async def old_and_new(stage: Any) -> tuple[ApiKey, ApiKey]:
    async with stage.records.reading() as snapshot:
        keys = {key.id: key for key in await snapshot.api_keys()}
    old = keys.pop(ApiKeyId(KEY_ID))
    (new,) = keys.values()
    return old, new
