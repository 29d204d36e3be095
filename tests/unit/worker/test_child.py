"""How the end of a child is read: whose fault it was, and whether a second try makes sense."""

import signal
from datetime import timedelta

import pytest

from safelight.sandbox.protocol import Ended
from safelight.worker.child import Allowance, Ending, Stop

ALLOWANCE = Allowance(timeout=timedelta(seconds=20), cpu_seconds=10, renditions_bytes=1000)


def ending(code: int, *, cpu_seconds: float = 0.1, stopped: Stop | None = None) -> Ending:
    return Ending(Ended(code=code, cpu_seconds=cpu_seconds, peak_bytes=1, complaint=""), ALLOWANCE, stopped)


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (0, "exited"),
        (1, "crashed"),
        (-signal.SIGSEGV, "crashed"),
        (-signal.SIGABRT, "crashed"),
        (-signal.SIGXFSZ, "crashed"),
        (-signal.SIGXCPU, "cpu"),
        (-signal.SIGKILL, "killed"),
        (-signal.SIGTERM, "killed"),
    ],
)
def test_an_end_that_this_side_did_not_bring_about_has_its_cause_in_the_code(code: int, cause: str) -> None:
    assert ending(code).cause == cause


def test_one_that_does_not_heed_the_limit_of_its_cpu_is_killed_by_the_kernel_and_to_blame() -> None:
    killed = ending(-signal.SIGKILL, cpu_seconds=11)

    assert (killed.cause, killed.is_ours) == ("cpu", False)


@pytest.mark.parametrize(("cpu_seconds", "cause"), [(5.0, "timed_out"), (4.9, "starved")])
def test_who_ran_out_of_time_is_to_blame_only_if_it_had_half_of_its_cpu(cpu_seconds: float, cause: str) -> None:
    assert ending(-signal.SIGKILL, cpu_seconds=cpu_seconds, stopped=Stop.TIMED_OUT).cause == cause


@pytest.mark.parametrize("stopped", [Stop.UNWANTED, Stop.TOO_TALKATIVE, Stop.WROTE_TOO_MUCH])
def test_a_kill_of_our_own_is_neither_chance_nor_our_fault(stopped: Stop) -> None:
    killed = ending(-signal.SIGKILL, stopped=stopped)

    assert (killed.cause, killed.may_be_chance, killed.is_ours) == (stopped, False, False)
