"""The sweep removes what no record asks for, and never what one does or may."""

from datetime import timedelta
from typing import Any

import pytest

from safelight.domain import keys
from safelight.domain.errors import StorageFailed
from safelight.domain.image import Image, ImageId, State
from safelight.domain.keys import Key
from safelight.ports.records import Changes
from safelight.testing.samples import UPLOAD_TTL, rendition
from safelight.upkeep.sweep import sweep_orphans

GRACE = timedelta(hours=1)
A_MOMENT = timedelta(seconds=1)
NOBODYS = ImageId("f" * 32)


async def sweep(stage: Any, *, batch: int = 2) -> int:
    return await sweep_orphans(
        records=stage.records, objects=stage.objects, clock=stage.clock, grace=GRACE, batch=batch
    )


async def image_with_all(stage: Any, state: State, *, original_kept: bool = False) -> Image:
    """Return an image with every object that it can have, of which the records know one rendition."""
    image: Image = await stage.image_in(State.REQUESTED)
    stage.upload(image)
    if state not in {State.REQUESTED, State.EXPIRED}:
        async with stage.records.transaction() as tx:
            image = await tx.move(image.id, was=State.REQUESTED, now=State.UPLOADED)
            if state is not State.UPLOADED:
                image = await tx.take(image, now=State.PROCESSING, lease_until=stage.clock.now())
                await tx.add_rendition(rendition(image.id, "known"), attempt=1)
    if image.state is not state:
        async with stage.records.transaction() as tx:
            kept = Changes(original_kept=original_kept)
            image = await tx.move(image.id, was=image.state, now=state, changes=kept)
    stage.objects.keep(keys.original(image.id), b"original")
    for variant in ("known", "unknown"):
        stage.objects.keep(keys.rendition(rendition(image.id, variant), public=True), b"rendition")
    return image


def names(stored: set[str]) -> set[str]:
    """Return what the objects are: incoming, original, known or unknown."""
    return {"incoming" if key.startswith("incoming/") else key.rpartition("/")[2].partition("-")[0] for key in stored}


@pytest.mark.parametrize(
    ("state", "original_kept", "kept"),
    [
        (State.REQUESTED, False, {"incoming", "original", "known", "unknown"}),
        (State.UPLOADED, False, {"incoming", "original", "known", "unknown"}),
        (State.PROCESSING, False, {"incoming", "original", "known", "unknown"}),
        (State.HELD, True, {"original", "known", "unknown"}),
        (State.HELD, False, {"known", "unknown"}),
        (State.FAILED, False, {"incoming", "original", "known", "unknown"}),
        (State.READY, True, {"original", "known"}),
        (State.READY, False, {"known"}),
        (State.REJECTED, False, set()),
        (State.EXPIRED, False, set()),
        (State.DELETED, True, set()),
    ],
)
async def test_what_is_kept_in_every_state_once_all_is_old(
    stage: Any,
    state: State,
    original_kept: bool,  # noqa: FBT001 - a column of the table
    kept: set[str],
):
    await image_with_all(stage, state, original_kept=original_kept)
    before = await stage.keys()
    stage.clock.advance(UPLOAD_TTL + GRACE + A_MOMENT)

    removed = await sweep(stage)

    assert names(await stage.keys()) == kept
    assert removed == len(before) - len(await stage.keys())


@pytest.mark.parametrize("state", sorted(State))
async def test_nothing_young_is_removed(stage: Any, state: State):
    await image_with_all(stage, state)
    before = await stage.keys()
    stage.clock.advance(GRACE)

    assert await sweep(stage) == 0
    assert await stage.keys() == before


@pytest.mark.parametrize("state", [State.READY, State.REJECTED, State.DELETED])
async def test_incoming_bytes_stay_as_long_as_their_url_could_write_them_anew(stage: Any, state: State):
    image = await image_with_all(stage, state)
    stage.clock.advance(UPLOAD_TTL + GRACE - A_MOMENT)

    await sweep(stage)

    assert keys.incoming_of(image) in await stage.keys()


async def test_a_retired_rendition_stays_for_a_time_of_its_own(stage: Any):
    """URLs may lead to it for longer than an orphan is left; nothing else waits for that."""
    image = await image_with_all(stage, State.READY)
    retired = rendition(image.id, "known")
    async with stage.records.transaction() as tx:
        await tx.retire_renditions(image.id, [retired], at=stage.clock.now())
    kept = []

    for waited in (UPLOAD_TTL + GRACE + A_MOMENT, 2 * GRACE):
        stage.clock.advance(waited)
        await sweep_orphans(
            records=stage.records, objects=stage.objects, clock=stage.clock, grace=GRACE, batch=2, retired_for=2 * GRACE
        )
        kept.append(names(await stage.keys()))

    assert kept == [{"known"}, set()]


async def test_objects_without_a_record_are_removed(stage: Any):
    created = stage.clock.now()
    for key in (
        keys.incoming(NOBODYS, created, 1),
        keys.original(NOBODYS),
        keys.rendition(rendition(NOBODYS), public=True),
    ):
        stage.objects.keep(key, b"whose?")
    stage.clock.advance(GRACE + A_MOMENT)

    assert await sweep(stage) == 3
    assert await stage.keys() == set()


async def test_a_purged_image_keeps_nothing(stage: Any):
    image = await image_with_all(stage, State.DELETED)
    async with stage.records.transaction() as tx:
        await tx.note_purged(image.id, at=stage.clock.now())
    stage.clock.advance(GRACE + A_MOMENT)

    await sweep(stage)

    assert await stage.keys() == set()


async def test_what_is_not_named_as_we_name_objects_is_not_ours(stage: Any, monkeypatch: pytest.MonkeyPatch):
    foreign = Key("public/somebody-elses.txt")
    monkeypatch.setattr(keys, "parse", Key)
    stage.objects.keep(foreign, b"mine")
    stage.clock.advance(GRACE + A_MOMENT)

    assert await sweep(stage) == 0
    assert await stage.keys() == {foreign}


async def test_an_orphan_that_cannot_be_removed_keeps_no_other(stage: Any, monkeypatch: pytest.MonkeyPatch):
    stuck, other = keys.original(NOBODYS), keys.original(ImageId("e" * 32))
    for key in (stuck, other):
        stage.objects.keep(key, b"whose?")
    stage.clock.advance(GRACE + A_MOMENT)
    delete = stage.objects.delete

    async def broken(key: Key) -> None:
        if key == stuck:
            raise StorageFailed(reason="not permitted")
        await delete(key)

    monkeypatch.setattr(stage.objects, "delete", broken)

    with pytest.raises(StorageFailed):
        await sweep(stage)

    assert await stage.keys() == {stuck}


async def test_only_what_begins_as_wanted_is_looked_at(stage: Any) -> None:
    here, there = ImageId("a" * 32), ImageId("b" * 32)
    for image_id in (here, there):
        stage.objects.keep(keys.original(image_id), b"nobody's")
    stage.clock.advance(GRACE + A_MOMENT)

    removed = await sweep_orphans(
        records=stage.records,
        objects=stage.objects,
        clock=stage.clock,
        grace=GRACE,
        batch=2,
        prefixes=["private/a"],
    )

    assert removed == 1
    assert await stage.keys() == {keys.original(there)}


async def test_what_a_worker_may_be_about_to_store_again_stays_until_its_image_is_ready(stage: Any):
    image = await image_with_all(stage, State.PROCESSING)
    stage.clock.advance(UPLOAD_TTL + GRACE + A_MOMENT)
    await sweep(stage)
    during = names(await stage.keys())

    async with stage.records.transaction() as tx:
        await tx.move(image.id, was=State.PROCESSING, now=State.READY)
    await sweep(stage)

    assert "unknown" in during
    assert names(await stage.keys()) == {"known"}
