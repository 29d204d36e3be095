"""Moving between stores: what is wanted arrives as it was, and nothing comes back that is gone."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from safelight.adapters.mirror.object_store import MirroredStore
from safelight.domain import keys
from safelight.domain.image import Image, State
from safelight.domain.keys import Key
from safelight.testing.contracts.object_store import read
from safelight.testing.memory_store import MemoryObjectStore
from safelight.testing.samples import VERIFIED, rendition
from safelight.upkeep.move import Copying, Fate, Moved, clear_unwanted, copy_objects, count_objects
from safelight.upkeep.visibility import set_visibility

MakeImage = Callable[..., Awaitable[Image]]
NOBODYS = Key(f"public/{'f' * 32}/thumb-0123456789abcdef-96.webp")
HOW = Copying(parallel=3, batch=2)


@pytest.fixture
def target() -> MemoryObjectStore:
    return MemoryObjectStore()


async def copy(stage: Any, target: MemoryObjectStore, how: Copying = HOW) -> dict[str, Moved]:
    """Make one pass; return the fates by key."""
    fates: list[Moved] = []
    await copy_objects(stage.objects, target, records=stage.records, how=how, told=fates.append)
    assert len(fates) == (await count_objects(stage.objects))[0]
    return {moved.stored.key: moved for moved in fates}


async def clear(stage: Any, target: MemoryObjectStore) -> int:
    both = MirroredStore(stage.objects, target)
    return await clear_unwanted(target, both, records=stage.records, clock=stage.clock, how=HOW)


async def keys_in(store: MemoryObjectStore) -> set[str]:
    return {stored.key async for stored in store.list("")}


async def test_a_pass_copies_all_that_is_wanted_and_a_second_copies_nothing(
    stage: Any, target: MemoryObjectStore, image_with_files: MakeImage
):
    await image_with_files()

    first = await copy(stage, target)
    second = await copy(stage, target)

    assert {moved.fate for moved in first.values()} == {Fate.COPIED}
    assert {moved.fate for moved in second.values()} == {Fate.THERE}
    assert await keys_in(target) == await stage.keys()
    for key in await keys_in(target):
        assert await read(target, Key(key)) == await read(stage.objects, Key(key))


@pytest.mark.parametrize(
    ("state", "fate"),
    [
        (State.REQUESTED, Fate.COPIED),
        (State.UPLOADED, Fate.COPIED),
        (State.PROCESSING, Fate.COPIED),
        (State.FAILED, Fate.COPIED),
        (State.READY, Fate.UNWANTED),
        (State.HELD, Fate.UNWANTED),
        (State.REJECTED, Fate.UNWANTED),
        (State.EXPIRED, Fate.UNWANTED),
        (State.DELETED, Fate.UNWANTED),
    ],
)
async def test_incoming_bytes_go_along_while_an_image_may_be_made_from_them(
    stage: Any, target: MemoryObjectStore, state: State, fate: Fate
):
    image = await stage.image_in(state)
    stage.upload(image)

    fates = await copy(stage, target)

    assert [moved.fate for moved in fates.values()] == [fate]


async def test_what_has_no_record_stays_behind(stage: Any, target: MemoryObjectStore):
    stage.objects.keep(NOBODYS, b"orphan")

    fates = await copy(stage, target)

    assert fates[NOBODYS].fate is Fate.UNKNOWN
    assert await keys_in(target) == set()


async def test_a_rendition_on_the_side_where_it_does_not_belong_stays_behind(
    stage: Any, target: MemoryObjectStore, image_with_files: MakeImage
):
    image = await image_with_files(public=False)
    strayed = keys.rendition(rendition(image.id, "thumb"), public=True)
    stage.objects.keep(strayed, b"public once")

    fates = await copy(stage, target)

    assert fates[strayed].fate is Fate.UNWANTED


async def test_an_original_that_is_not_what_its_record_knows_fails_and_is_not_moved(
    stage: Any, target: MemoryObjectStore
):
    image = await stage.image_in(State.PROCESSING)
    async with stage.records.transaction() as tx:
        await tx.note_verified(image.id, attempt=image.attempt, verified=VERIFIED, look=None)
    damaged = keys.original(image.id)
    stage.objects.keep(damaged, b"damaged")

    fates = await copy(stage, target)

    assert fates[damaged].fate is Fate.FAILED
    assert "is damaged" in fates[damaged].words
    assert await keys_in(target) == set()


class Corrupting(MemoryObjectStore):
    """Keeps other bytes than it was given."""

    def keep(self, key: Key, content: bytes, *, replace: bool = True) -> str:
        return super().keep(key, content[:-1] + b"?", replace=replace)


async def test_bytes_that_did_not_arrive_as_they_were_sent_are_removed_and_told(
    stage: Any, image_with_files: MakeImage
):
    await image_with_files()
    target = Corrupting()

    fates = await copy(stage, target)

    assert {moved.fate for moved in fates.values()} == {Fate.FAILED}
    assert await keys_in(target) == set()


async def test_with_verify_an_object_that_differs_is_copied_again(
    stage: Any, target: MemoryObjectStore, image_with_files: MakeImage
):
    image = await image_with_files()
    await copy(stage, target)
    original = keys.original(image.id)
    target.keep(original, b"0riginal")

    trusting = await copy(stage, target)
    verifying = await copy(stage, target, Copying(parallel=3, batch=2, verify=True))

    assert trusting[original].fate is Fate.THERE
    assert verifying[original].fate is Fate.COPIED
    assert await read(target, original) == b"original"


async def test_what_was_cut_short_is_copied_again(stage: Any, target: MemoryObjectStore, image_with_files: MakeImage):
    image = await image_with_files()
    target.keep(keys.original(image.id), b"orig")

    await copy(stage, target)

    assert await read(target, keys.original(image.id)) == b"original"


async def test_an_image_that_was_deleted_after_it_was_copied_is_cleared(
    stage: Any, target: MemoryObjectStore, image_with_files: MakeImage
):
    image = await image_with_files()
    await copy(stage, target)
    async with stage.records.transaction() as tx:
        await tx.move(image.id, was=State.READY, now=State.DELETED)

    cleared = await clear(stage, target)
    fates = await copy(stage, target)

    assert cleared == 4
    assert await keys_in(target) == set()
    assert {moved.fate for moved in fates.values()} == {Fate.UNWANTED}


async def test_an_image_that_was_deleted_while_it_was_copied_is_cleared(
    stage: Any, target: MemoryObjectStore, image_with_files: MakeImage
):
    image = await image_with_files()

    async def delete_it(_deed: str, _key: Key) -> None:
        target.before = stage.objects.before  # once
        async with stage.records.transaction() as tx:
            await tx.move(image.id, was=State.READY, now=State.DELETED)
        async for stored in stage.objects.list(""):
            await stage.objects.delete(stored.key)

    target.before = delete_it

    await copy_objects(stage.objects, target, records=stage.records, how=HOW, told=lambda _: None)
    await clear(stage, target)

    assert await keys_in(target) == set()


async def test_an_image_that_was_made_protected_after_it_was_copied_is_public_no_more(
    stage: Any, target: MemoryObjectStore, image_with_files: MakeImage
):
    image = await image_with_files(public=True)
    await copy(stage, target)
    await set_visibility(
        image,
        stage.origin,
        public=False,
        records=stage.records,
        objects=stage.objects,
        signals=stage.signals,
        clock=stage.clock,
    )

    await copy(stage, target)
    await clear(stage, target)

    assert {key.partition("/")[0] for key in await keys_in(target)} == {"private"}
    assert (await stage.stored(image.id)).clear_due_at is None


async def test_nothing_is_cleared_of_which_there_is_no_record(stage: Any, target: MemoryObjectStore):
    target.keep(NOBODYS, b"of another time")

    cleared = await clear(stage, target)

    assert cleared == 0
    assert await keys_in(target) == {NOBODYS}
