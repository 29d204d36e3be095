"""The table of moves holds together: no dead ends, no way back from where nothing is left."""

from collections.abc import Iterable

import pytest

from safelight.domain.events import TOLD
from safelight.domain.image import BYTES_NEEDED, BYTES_OWED, FINAL, GONE, NEXT, SHOWN, State


def reachable(start: State, *, avoiding: Iterable[State] = ()) -> set[State]:
    """Return where an image can get from `start`, itself included."""
    found, ahead = {start}, [start]
    while ahead:
        for state in NEXT[ahead.pop()] - found - set(avoiding):
            found.add(state)
            ahead.append(state)
    return found


def test_every_state_says_where_it_leads() -> None:
    assert set(NEXT) == set(State)


def test_every_state_can_be_reached() -> None:
    assert reachable(State.REQUESTED) == set(State)


def test_a_deleted_image_stays_deleted() -> None:
    assert NEXT[State.DELETED] == frozenset()


@pytest.mark.parametrize("state", set(State) - {State.DELETED})
def test_everything_can_be_deleted(state: State) -> None:
    assert State.DELETED in NEXT[state]


@pytest.mark.parametrize("state", State)
def test_no_state_leads_to_itself(state: State) -> None:
    assert state not in NEXT[state]


@pytest.mark.parametrize("state", [State.UPLOADED, State.PROCESSING])
def test_confirmed_work_can_still_end_well_and_badly(state: State) -> None:
    assert {State.READY, State.REJECTED, State.FAILED} <= reachable(state)


def test_nothing_is_ready_without_having_been_processed() -> None:
    assert State.READY not in reachable(State.REQUESTED, avoiding={State.PROCESSING})


def test_nothing_is_processed_without_having_been_uploaded() -> None:
    assert State.PROCESSING not in reachable(State.REQUESTED, avoiding={State.UPLOADED})


def test_only_the_operator_takes_an_image_back_from_its_end() -> None:
    back = {(state, after) for state in FINAL for after in NEXT[state] - FINAL}

    assert back == {(State.FAILED, State.UPLOADED)}


def test_the_ways_on_do_not_end_in_a_circle_without_an_exit() -> None:
    for state in State:
        assert reachable(state) & FINAL


def test_no_state_both_needs_its_bytes_and_owes_their_end() -> None:
    assert not BYTES_NEEDED & BYTES_OWED
    assert set(State) - BYTES_NEEDED - BYTES_OWED == {State.HELD, State.READY}


def test_what_is_gone_or_withheld_is_not_shown() -> None:
    assert not SHOWN & (GONE | {State.HELD, State.REJECTED})


def test_the_application_is_told_of_ends_and_of_what_waits_for_it() -> None:
    assert set(TOLD) == FINAL - {State.EXPIRED} | {State.HELD}
