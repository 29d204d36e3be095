"""Revoking the tokens of one image."""

from typing import Any

import pytest

from safelight.domain.errors import TokenInvalid
from safelight.domain.events import Action
from safelight.domain.image import State
from safelight.domain.tokens import Purpose
from safelight.upkeep.revoke_tokens import revoke_tokens


async def revoke(stage: Any, image: Any) -> None:
    await revoke_tokens(image, stage.origin, records=stage.records, clock=stage.clock)


@pytest.mark.parametrize("purpose", [Purpose.WRITE, Purpose.READ])
async def test_a_token_that_was_given_is_good_no_more_and_a_new_one_is(stage: Any, purpose: Purpose):
    image = await stage.image_in(State.READY)
    given = stage.tokens.image_token(purpose, image.id, image.token_generation)

    await revoke(stage, image)

    stored = await stage.stored(image.id)
    with pytest.raises(TokenInvalid):
        stage.tokens.verify_image_token(given, purpose, stored)
    new = stage.tokens.image_token(purpose, stored.id, stored.token_generation)
    stage.tokens.verify_image_token(new, purpose, stored)
    assert await stage.actions(image.id) == [Action.TOKENS_REVOKED]


async def test_the_tokens_of_another_image_stay_good(stage: Any):
    mine, other = [await stage.image_in(State.READY, number) for number in (1, 2)]
    token = stage.tokens.image_token(Purpose.READ, other.id, other.token_generation)

    await revoke(stage, mine)

    stage.tokens.verify_image_token(token, Purpose.READ, await stage.stored(other.id))


async def test_revoking_twice_ends_what_was_given_between(stage: Any):
    image = await stage.image_in(State.READY)

    await revoke(stage, image)
    await revoke(stage, image)

    assert (await stage.stored(image.id)).token_generation == image.token_generation + 2
