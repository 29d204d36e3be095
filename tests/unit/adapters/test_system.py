"""Ids are UUIDv7 and grow, whatever the clock does; the clock knows its zone."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from safelight.adapters.system import SystemClock, SystemIds

MILLISECOND_NS = 1_000_000


def test_the_present_is_in_utc() -> None:
    before = datetime.now(UTC)

    now = SystemClock().now()

    assert now.utcoffset() == timedelta(0)
    assert before <= now <= datetime.now(UTC)


def test_an_id_is_a_uuid_of_version_7_made_now() -> None:
    before = time.time_ns() // MILLISECOND_NS

    made = uuid.UUID(SystemIds().new())

    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert before <= made.int >> 80 <= time.time_ns() // MILLISECOND_NS


def test_ids_of_one_millisecond_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_800_000_000_000 * MILLISECOND_NS)
    ids = SystemIds()

    made = [ids.new() for _ in range(10_000)]

    assert made == sorted(set(made))
    assert {uuid.UUID(one).version for one in made} == {7}
    assert {uuid.UUID(one).variant for one in made} == {uuid.RFC_4122}


def test_ids_grow_although_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, moments = SystemIds(), iter([2_000, 1_000, 1_500, 2_001])
    monkeypatch.setattr(time, "time_ns", lambda: next(moments) * MILLISECOND_NS)

    made = [ids.new() for _ in range(4)]

    assert made == sorted(made)


def test_a_counter_that_runs_over_goes_on_into_the_next_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_000 * MILLISECOND_NS)
    monkeypatch.setattr("secrets.randbits", lambda bits: (1 << bits) - 1)
    ids = SystemIds()

    first, second = uuid.UUID(ids.new()), uuid.UUID(ids.new())

    assert (first.int >> 80, second.int >> 80) == (1_000, 1_001)
    assert second.version == 7


def test_many_threads_get_different_ids() -> None:
    ids = SystemIds()

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: ids.new(), range(4_000)))

    assert len(set(made)) == len(made)
