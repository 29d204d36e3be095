from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.domain.retry import EARLY, as_long_again, is_due, next_attempt

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 2), (2, 4), (3, 8), (9, 512), (10, 1024)])
def test_the_wait_doubles_with_every_try(attempts: int, seconds: int) -> None:
    at = next_attempt(attempts, now=NOW, base=2 * SECOND, longest=HOUR, jitter=1.0)

    assert at == NOW + seconds * SECOND


@pytest.mark.parametrize("attempts", [12, 13, 64, 65, 66, 10_000])
def test_no_wait_is_longer_than_the_longest(attempts: int) -> None:
    at = next_attempt(attempts, now=NOW, base=2 * SECOND, longest=HOUR, jitter=1.0)

    assert at == NOW + HOUR


def test_a_base_above_the_longest_is_cut_too() -> None:
    at = next_attempt(1, now=NOW, base=2 * HOUR, longest=HOUR, jitter=1.0)

    assert at == NOW + HOUR


@pytest.mark.parametrize(("jitter", "seconds"), [(0.0, 4), (0.5, 6), (1.0, 8)])
def test_jitter_moves_the_try_within_the_upper_half_of_the_wait(jitter: float, seconds: int) -> None:
    at = next_attempt(3, now=NOW, base=2 * SECOND, longest=HOUR, jitter=jitter)

    assert at == NOW + seconds * SECOND


@given(attempts=st.integers(1, 10**9), jitter=st.floats(0, 1), base_s=st.integers(1, 10**6))
def test_the_next_try_is_always_later_and_never_beyond_the_longest_wait(
    attempts: int, jitter: float, base_s: int
) -> None:
    at = next_attempt(attempts, now=NOW, base=base_s * SECOND, longest=24 * HOUR, jitter=jitter)

    assert NOW < at <= NOW + 24 * HOUR


@pytest.mark.parametrize(("waited", "wait"), [(0, 2), (1, 2), (60, 60), (3600, 3600), (7200, 3600), (-5, 2)])
def test_what_is_waited_for_without_counting_is_waited_for_as_long_again(waited: int, wait: int) -> None:
    at = as_long_again(NOW - waited * SECOND, now=NOW, base=2 * SECOND, longest=HOUR, jitter=1.0)

    assert at == NOW + wait * SECOND


def test_jitter_moves_that_within_the_upper_half_too() -> None:
    at = as_long_again(NOW - HOUR, now=NOW, base=SECOND, longest=2 * HOUR, jitter=0.0)

    assert at == NOW + HOUR / 2


@pytest.mark.parametrize(
    ("at", "due"), [(None, True), (NOW - HOUR, True), (NOW, True), (NOW + EARLY, True), (NOW + EARLY + SECOND, False)]
)
def test_what_comes_a_little_early_is_due_because_clocks_differ(at: datetime | None, due: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_due(at, now=NOW) is due
