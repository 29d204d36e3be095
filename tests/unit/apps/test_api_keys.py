"""The key that a setting gives must be the one that is kept."""

from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from safelight.apps.api_keys import KeyInvalid, first_key, revoke_key
from safelight.domain.who import ApiKeyId

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
