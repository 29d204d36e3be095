"""What is said of an image: how far it is, and nothing of a file that is no more."""

from dataclasses import replace
from typing import Any

import pytest

from safelight.domain.image import GONE, State
from safelight.domain.report import report
from safelight.testing.samples import LOOK, VERIFIED, rendition


async def said(stage: Any, state: State, *, stored: int = 1) -> Any:
    """Return the report of a verified image of two renditions, of which so many are stored."""
    image = await stage.image_in(State.PROCESSING)
    async with stage.records.transaction() as tx:
        await tx.note_verified(image.id, attempt=1, verified=VERIFIED, look=LOOK)
        if state is not State.PROCESSING:
            await tx.move(image.id, was=State.PROCESSING, now=state)
    return report(
        await stage.stored(image.id), [rendition(image.id, width=w) for w in range(1, stored + 1)], stage.links
    )


@pytest.mark.parametrize(
    ("state", "stored", "progress"),
    [
        (State.UPLOADED, 1, 0.0),
        (State.PROCESSING, 1, 0.5),
        (State.READY, 2, 1.0),
        (State.REJECTED, 0, 0.0),
        (State.FAILED, 1, 0.5),
        (State.DELETED, 0, 0.0),
    ],
)
async def test_progress_is_what_is_stored_of_what_is_expected(stage: Any, state: State, stored: int, progress: float):
    assert (await said(stage, state, stored=stored)).progress == progress


async def test_a_deleted_image_tells_nothing_of_its_file(stage: Any):
    told = await said(stage, State.DELETED)

    assert (told.filename, told.placeholder, told.color) == ("", None, None)


async def test_a_rejected_image_tells_how_it_was_called_and_not_how_it_looked(stage: Any):
    told = await said(stage, State.REJECTED)

    assert (told.filename, told.placeholder, told.color) == ("me.jpg", None, None)


@pytest.mark.parametrize("state", sorted({State.READY, State.FAILED} - GONE))
async def test_any_other_tells_it(stage: Any, state: State):
    told = await said(stage, state)

    assert (told.filename, told.placeholder, told.color) == ("me.jpg", LOOK.placeholder, LOOK.color)


async def test_of_a_held_image_the_application_alone_hears_how_it_looks(stage: Any):
    image = replace(await stage.image_in(State.HELD), look=LOOK, hidden=True)
    stored = [rendition(image.id)]

    to_all = report(image, stored, stage.links)
    to_application = report(image, stored, stage.links, to_application=True)

    assert (to_all.status, to_all.placeholder, to_all.color, to_all.variants) == (State.HELD, None, None, {})
    assert (to_application.placeholder, set(to_application.variants)) == (LOOK.placeholder, {"thumb"})


@pytest.mark.parametrize("state", [State.UPLOADED, State.PROCESSING])
async def test_a_hidden_image_is_shown_to_nobody_before_it_is_whole(stage: Any, state: State):
    image = replace(await stage.image_in(state), hidden=True)

    told = report(image, [rendition(image.id)], stage.links, to_application=True)

    assert told.variants == {}
