"""Step 1, again: fresh upload URLs, each with a key of its own."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from safelight.deeds.permit import Transport
from safelight.domain import keys
from safelight.domain.errors import ImageGone, OwnerBlocked, TooManyAttempts, WrongState
from safelight.domain.events import Action
from safelight.domain.image import GONE, Image, State
from safelight.journey.resign import resign_upload

TTL = timedelta(minutes=10)


async def resign(stage: Any, image: Image, *, max_attempts: int = 20, transport: str | None = "put") -> Any:
    return await resign_upload(
        image,
        stage.origin,
        records=stage.records,
        objects=stage.objects,
        signer=stage.signer,
        clock=stage.clock,
        ttl=TTL,
        max_attempts=max_attempts,
        transport=Transport(transport, multipart_above=1000),
    )


async def test_a_fresh_url_leads_to_a_new_key_and_ends_later(stage: Any):
    image = await stage.image_in(State.REQUESTED)
    stage.clock.advance(timedelta(hours=1))

    upload = await resign(stage, image, transport="post")

    changed = await stage.stored(image.id)
    assert keys.incoming_of(image, 2) in upload.url
    assert upload.method == "POST"
    assert (changed.upload_attempt, changed.expires_at) == (2, stage.clock.now() + TTL)
    assert await stage.actions(image.id) == [Action.RESIGNED]


async def test_two_calls_at_once_get_two_urls(stage: Any):
    image = await stage.image_in(State.REQUESTED)

    uploads = await asyncio.gather(*(resign(stage, image) for _ in range(3)))

    assert len({upload.url.partition("?")[0] for upload in uploads}) == 3
    assert (await stage.stored(image.id)).upload_attempt == 4


async def test_attempts_have_an_end_even_for_calls_at_once(stage: Any):
    image = await stage.image_in(State.REQUESTED)

    results = await asyncio.gather(*(resign(stage, image, max_attempts=2) for _ in range(3)), return_exceptions=True)

    refused = [result for result in results if isinstance(result, TooManyAttempts)]
    assert len(refused) == 2
    assert (await stage.stored(image.id)).upload_attempt == 2


@pytest.mark.parametrize("state", sorted(set(State) - {State.REQUESTED}))
async def test_only_a_requested_image_gets_a_url(stage: Any, state: State):
    image = await stage.image_in(state)

    with pytest.raises(ImageGone if state in GONE else WrongState):
        await resign(stage, image)


async def test_an_image_that_was_confirmed_meanwhile_gets_none(stage: Any):
    image = await stage.image_in(State.REQUESTED)
    async with stage.records.transaction() as tx:
        await tx.move(image.id, was=State.REQUESTED, now=State.UPLOADED)

    with pytest.raises(WrongState, match="uploaded"):
        await resign(stage, image)


async def test_a_blocked_owner_gets_no_fresh_url(stage: Any):
    image = await stage.image_in(State.REQUESTED)
    await stage.block(image)

    with pytest.raises(OwnerBlocked):
        await resign(stage, image)

    assert await stage.stored(image.id) == image
    assert await stage.actions(image.id) == []
