"""Whatever is tried, in whatever order, an image goes only where NEXT says, and its revision tells of every change."""

from contextlib import suppress
from dataclasses import replace
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safelight.adapters.records.store import SqlRecords
from safelight.adapters.records.transaction import TAKES
from safelight.domain.errors import WrongState
from safelight.domain.image import NEXT, Image, State
from safelight.testing.fakes import NOW
from safelight.testing.samples import new_image, rendition

NUMBERS = count(1)
WORKED_ON = {State.PROCESSING, State.READY}

MOVES = st.tuples(st.just("move"), st.sampled_from([(was, now) for was in State for now in sorted(NEXT[was])]))
ONWARD = st.tuples(st.just("onward"), st.integers(0, 5))
TAKE = st.tuples(st.just("take"), st.sampled_from(sorted(TAKES)))
NOTE = st.tuples(st.just("note"), st.integers(0, 3))


async def attempt(records: SqlRecords, known: Image, step: str, how: object) -> Image | None:
    """Try one step, from what is known of the image; return the image after it, or None where it was refused."""
    with suppress(WrongState):
        return await do(records, known, step, how)
    return None


async def do(records: SqlRecords, known: Image, step: str, how: object) -> Image | None:
    async with records.transaction() as tx:
        match step, how:
            case "move", (was, now):
                return await tx.move(known.id, was=was, now=now)
            case "onward", int(choice) if ways := sorted(NEXT[known.state]):
                return await tx.move(known.id, was=known.state, now=ways[choice % len(ways)], attempt=known.attempt)
            case "take", (was, now):
                return await tx.take(replace(known, state=was), now=now, lease_until=NOW)
            case "note", int(number):
                await tx.add_rendition(rendition(known.id), attempt=number)
                return await tx.image(known.id)
    return None


def is_lawful(before: Image, after: Image, step: str, how: object) -> bool:
    """Whether the rules allow the step to have had this end."""
    if step == "take":
        return (before.state, after.state) in TAKES and after.attempt == before.attempt + 1
    if step == "note":
        return before.state in WORKED_ON and how == before.attempt and after.state is before.state
    return after.state in NEXT[before.state] and after.attempt == before.attempt


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.one_of(ONWARD, TAKE, MOVES, NOTE), max_size=12))
async def test_any_steps_lead_along_the_table(records: SqlRecords, steps: list[tuple[str, object]]) -> None:
    async with records.transaction() as tx:
        known = await tx.add(new_image(next(NUMBERS)))

    for step, how in steps:
        after = await attempt(records, known, step, how)
        async with records.reading() as snapshot:
            stored = await snapshot.image(known.id)

        if after is None:
            assert stored == known
        else:
            assert stored == after
            assert is_lawful(known, after, step, how)
            assert after.revision > known.revision or (step == "note" and after == known)
        known = stored
