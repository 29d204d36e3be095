"""Sweeps of a bucket take turns, and leave nothing out."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.adapters.system import SystemIds
from safelight.domain.image import ImageId
from safelight.domain.keys import original
from safelight.upkeep.turns import EVERYTHING, FIRST, prefixes_of_turn

EVERY, WHOLE = timedelta(minutes=15), timedelta(days=1)
TURNS = WHOLE // EVERY
MIDNIGHT = datetime(2026, 11, 2, tzinfo=UTC)

IDS = st.integers(0, 16**12 - 1).map(lambda time: f"{time:012x}7000800000000000000a")


SWEEPS = [tuple(prefixes_of_turn(MIDNIGHT + EVERY * number, every=EVERY, whole=WHOLE)) for number in range(TURNS)]
"""What each sweep of a day lists."""


def listed_in_a_whole(image_id: str) -> int:
    """Return in how many sweeps of a day an image's original is listed."""
    return sum(original(ImageId(image_id)).startswith(prefixes) for prefixes in SWEEPS)


def id_of(moment: datetime) -> str:
    return f"{int(moment.timestamp() * 1000):012x}7000800000000000000a"


@given(IDS)
def test_whatever_its_id_an_object_is_listed_within_the_time(image_id: str) -> None:
    assert listed_in_a_whole(image_id) >= 1


@pytest.mark.parametrize("age", [timedelta(days=2), timedelta(days=30), MIDNIGHT - FIRST, timedelta(days=9000)])
def test_an_old_object_is_listed_once(age: timedelta) -> None:
    assert listed_in_a_whole(id_of(MIDNIGHT - age)) == 1


def test_a_young_object_is_listed_in_each_sweep() -> None:
    now = datetime.now(UTC)
    key = original(ImageId(SystemIds().new()))

    for number in range(TURNS):
        prefixes = prefixes_of_turn(now + timedelta(hours=1), every=EVERY / (number + 1), whole=WHOLE)
        assert [prefix for prefix in prefixes if key.startswith(prefix)] != []


def test_no_sweep_lists_much_more_than_its_part() -> None:
    sizes = [len(prefixes_of_turn(MIDNIGHT + EVERY * number, every=EVERY, whole=WHOLE)) for number in range(TURNS)]

    parts = 2 * (MIDNIGHT - FIRST) / timedelta(hours=4.66) / TURNS
    assert sorted(sizes)[-2] <= parts + 10
    assert max(sizes) < 400  # with all that no image of ours is called


def test_what_a_missed_sweep_would_have_listed_is_not_missed_again() -> None:
    listed: Counter[str] = Counter()
    for number in range(0, 3 * TURNS, 3):  # of three sweeps two are missed, day by day
        listed.update(prefixes_of_turn(MIDNIGHT + EVERY * number, every=EVERY, whole=WHOLE))

    key = original(ImageId(id_of(MIDNIGHT - timedelta(days=30))))
    assert [prefix for prefix in listed if key.startswith(prefix)] != []


def test_incoming_bytes_are_listed_in_each_sweep() -> None:
    assert prefixes_of_turn(MIDNIGHT, every=EVERY, whole=WHOLE)[0] == "incoming/"


@pytest.mark.parametrize("whole", [EVERY, EVERY / 2])
def test_where_all_is_wanted_each_time_all_is_listed(whole: timedelta) -> None:
    assert prefixes_of_turn(MIDNIGHT, every=EVERY, whole=whole) == EVERYTHING
