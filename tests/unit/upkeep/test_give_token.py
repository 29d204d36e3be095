"""Giving a read token again."""

from typing import Any

import pytest

from safelight.domain.errors import ImageGone
from safelight.domain.events import Action
from safelight.domain.image import GONE, State
from safelight.domain.tokens import Purpose
from safelight.upkeep.give_token import give_read_token


async def give(stage: Any, image: Any) -> str:
    return await give_read_token(image, stage.origin, tokens=stage.tokens, records=stage.records, clock=stage.clock)


async def test_the_token_is_that_of_the_image_and_giving_it_is_noted(stage: Any):
    image = await stage.image_in(State.READY)

    token = await give(stage, image)

    stage.tokens.verify_image_token(token, Purpose.READ, image)
    assert await stage.actions(image.id) == [Action.TOKENS_GIVEN]


@pytest.mark.parametrize("state", sorted(GONE))
async def test_of_an_image_that_is_no_more_there_is_none(stage: Any, state: State):
    image = await stage.image_in(state)

    with pytest.raises(ImageGone):
        await give(stage, image)

    assert await stage.actions(image.id) == []
