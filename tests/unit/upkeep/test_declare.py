"""Of several kinds files that one is the newer that was first seen last; to go back to an older one is a decision."""

from typing import Any

from safelight.domain.declaration import Declaration
from safelight.domain.kind import Kind, Kinds
from safelight.domain.variant import Variant, cover, fit
from safelight.upkeep.declare import adopt_kinds, declare_kinds, older_kinds

THUMB, CARD = cover(96, 96), cover(400, 400)


def kinds(**variants: Variant) -> Kinds:
    return Kinds([Kind("avatar", variants=variants), Kind("photo", variants={"large": fit(1600)})])


OLD, NEW = kinds(thumb=THUMB), kinds(thumb=THUMB, card=CARD)


async def declare(stage: Any, *files: Kinds) -> list[set[str]]:
    """Let processes with these kinds files start, one after the other; return what each is told to be older."""
    return [set(await declare_kinds(file, records=stage.records, clock=stage.clock)) for file in files]


async def holding(stage: Any) -> Declaration:
    async with stage.records.reading() as snapshot:
        declared = await snapshot.declared("avatar")
    return declared.declaration


async def test_a_file_that_nobody_had_before_is_the_newer_one(stage: Any):
    told = await declare(stage, OLD, NEW)

    assert told == [set(), set()]
    assert await holding(stage) == Declaration.of(NEW["avatar"])
    assert set(await older_kinds(OLD, records=stage.records)) == {"avatar"}


async def test_a_process_that_starts_again_with_an_older_file_is_told_and_changes_nothing(stage: Any):
    told = await declare(stage, OLD, NEW, OLD)

    assert told[-1] == {"avatar"}
    assert await holding(stage) == Declaration.of(NEW["avatar"])


async def test_an_older_file_holds_again_once_it_is_adopted(stage: Any):
    await declare(stage, OLD, NEW)

    adopted = await adopt_kinds(OLD, records=stage.records, clock=stage.clock)

    assert list(adopted) == ["avatar"]
    assert await declare(stage, OLD, NEW) == [set(), {"avatar"}]


async def test_what_makes_no_other_pixels_makes_no_newer_file(stage: Any):
    stricter = Kinds([Kind("avatar", variants={"thumb": THUMB}, max_bytes="1MB")])

    assert await declare(stage, OLD, stricter, OLD) == [set(), set(), set()]


async def test_a_variant_that_becomes_lazy_is_declared_otherwise(stage: Any):
    lazy = kinds(thumb=THUMB, card=cover(400, 400, lazy=True))

    assert await declare(stage, NEW, lazy, NEW) == [set(), set(), {"avatar"}]


async def test_a_kind_that_only_another_process_has_makes_no_file_older(stage: Any):
    more = Kinds([*OLD.values(), Kind("banner", variants={"wide": fit(1600)})])

    assert await declare(stage, more, OLD) == [set(), set()]
