"""How often something may happen in a minute, and what counting that costs."""

from collections import Counter

import pytest

from safelight.adapters.rates import FORGOTTEN_AT_ONCE, MemoryRates
from safelight.domain.errors import TooManyRequests
from safelight.ports.rate_limiter import Rate
from safelight.testing.fakes import Seconds

THREE = Rate("address", 3)


@pytest.fixture
def seconds() -> Seconds:
    return Seconds(1000.0)


@pytest.fixture
def refusals() -> Counter[str]:
    return Counter()


@pytest.fixture
def rates(seconds: Seconds, refusals: Counter[str]) -> MemoryRates:
    return MemoryRates(refused=lambda policy: refusals.update([policy]), max_keys=100, now=seconds)


def refusal_of(rates: MemoryRates, rate: Rate = THREE, key: str = "a") -> TooManyRequests:
    with pytest.raises(TooManyRequests) as caught:
        rates.hit(rate, key)
    return caught.value


def test_as_many_as_allowed_pass_and_hear_what_is_left(rates: MemoryRates, seconds: Seconds):
    left = []
    for _ in range(3):
        remaining = rates.hit(THREE, "a")
        left.append((remaining.rate, remaining.calls, remaining.reset))
        seconds.now += 10

    assert left == [(THREE, 2, 60), (THREE, 1, 50), (THREE, 0, 40)]


def test_one_too_many_is_refused_and_told_when_there_is_more(
    rates: MemoryRates, seconds: Seconds, refusals: Counter[str]
):
    for _ in range(3):
        rates.hit(THREE, "a")
        seconds.now += 10.25

    refusal = refusal_of(rates)

    assert vars(refusal) == {"policy": "address", "allowed": 3, "window_seconds": 60, "retry_after": 30}
    assert refusals == {"address": 1}


def test_whoever_waits_as_told_gets_one_for_each_that_left_the_window(rates: MemoryRates, seconds: Seconds):
    for _ in range(3):
        rates.hit(THREE, "a")
        seconds.now += 10

    seconds.now += refusal_of(rates).retry_after
    first_after = rates.hit(THREE, "a")

    assert first_after.calls == 0
    assert refusal_of(rates).retry_after == 10


def test_a_call_counts_until_its_minute_is_over_and_not_longer(rates: MemoryRates, seconds: Seconds):
    for _ in range(3):
        rates.hit(THREE, "a")

    seconds.now += 59.999
    early = refusal_of(rates)
    seconds.now += 0.001

    assert early.retry_after == 1
    assert rates.hit(THREE, "a").calls == 2


def test_no_minute_holds_more_than_allowed_whenever_it_begins(rates: MemoryRates, seconds: Seconds):
    """A fixed window would let twice as many through around its end, and so would a bucket that refills."""
    passed: list[float] = []
    for _ in range(3000):
        seconds.now += 0.37
        try:
            rates.hit(Rate("address", 10), "a")
        except TooManyRequests:
            continue
        passed.append(seconds.now)

    most = max(sum(begin <= at < begin + 60 for at in passed) for begin in passed)

    assert most == 10
    assert len(passed) >= 3000 * 0.37 / 60 * 10 * 0.95


def test_a_refused_call_does_not_lengthen_the_wait(rates: MemoryRates, seconds: Seconds):
    for _ in range(3):
        rates.hit(THREE, "a")
    for _ in range(50):
        seconds.now += 1
        refusal_of(rates)

    seconds.now += 10

    assert rates.hit(THREE, "a").calls == 2


def test_keys_and_policies_do_not_share(rates: MemoryRates):
    for _ in range(3):
        rates.hit(THREE, "a")

    others = [rates.hit(THREE, "b"), rates.hit(Rate("other", 3), "a")]

    assert [remaining.calls for remaining in others] == [2, 2]
    assert refusal_of(rates).policy == "address"


def test_seeing_counts_nothing_and_refuses_when_nothing_is_left(rates: MemoryRates, refusals: Counter[str]):
    for _ in range(10):
        rates.see(THREE, "a")
    seen = len(rates)
    for _ in range(3):
        rates.hit(THREE, "a")

    with pytest.raises(TooManyRequests):
        rates.see(THREE, "a")

    assert seen == 0
    assert refusals == {"address": 1}


def test_there_are_never_more_keys_than_the_limit_and_the_longest_silent_makes_room(rates: MemoryRates):
    rates.hit(THREE, "early")
    rates.hit(THREE, "busy")
    for number in range(99):
        rates.hit(THREE, f"new {number}")
        if number == 50:
            rates.hit(THREE, "busy")

    after = {key: rates.hit(THREE, key).calls for key in ("busy", "early")}

    assert len(rates) == 100
    assert after == {"busy": 0, "early": 2}


def test_silent_keys_go_away_a_few_with_each_call(rates: MemoryRates, seconds: Seconds):
    for number in range(50):
        rates.hit(THREE, f"{number}")
    seconds.now += 60

    sizes = []
    for _ in range(8):
        seconds.now += 0.001
        rates.hit(Rate("address", 100), "a")
        sizes.append(len(rates))

    assert sizes[:2] == [51 - FORGOTTEN_AT_ONCE, 51 - 2 * FORGOTTEN_AT_ONCE]
    assert sizes[-1] == 1


def test_a_key_that_called_within_the_minute_is_not_forgotten(rates: MemoryRates, seconds: Seconds):
    rates.hit(THREE, "silent")
    seconds.now += 30
    for _ in range(3):
        rates.hit(THREE, "a")
    seconds.now += 40

    rates.hit(THREE, "b")

    assert len(rates) == 2
    assert refusal_of(rates).retry_after == 20
