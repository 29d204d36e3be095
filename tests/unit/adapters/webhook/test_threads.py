"""Functions run in threads that nothing waits for."""

import asyncio
import subprocess
import sys
import threading

import pytest

from safelight.adapters.webhook.threads import RuleThreads

STUCK = """
import threading, time
from safelight.adapters.webhook.threads import RuleThreads

begun = threading.Event()
threads = RuleThreads(2)
threads.submit(lambda: (begun.set(), threading.Event().wait()))
begun.wait()
threads.shutdown()
print("over")
"""


async def run(threads: RuleThreads, function: object) -> object:
    return await asyncio.get_running_loop().run_in_executor(threads, function)  # type: ignore[arg-type]  # any function


async def test_a_function_returns_and_raises_to_whoever_waits_for_it() -> None:
    threads = RuleThreads(1)

    assert await run(threads, lambda: "yes") == "yes"
    with pytest.raises(ZeroDivisionError):
        await run(threads, lambda: 1 / 0)
    assert await run(threads, threading.get_ident) != threading.get_ident()


async def test_as_many_run_at_once_as_there_are_threads() -> None:
    threads, both = RuleThreads(2), threading.Barrier(2, timeout=30)

    assert sorted(await asyncio.gather(run(threads, both.wait), run(threads, both.wait))) == [0, 1]  # type: ignore[type-var]  # numbers


def test_what_nobody_waits_for_any_more_does_not_run() -> None:
    threads, let_go, ran = RuleThreads(1), threading.Event(), list[str]()
    threads.submit(let_go.wait)
    waiting = threads.submit(ran.append, "late")
    following = threads.submit(ran.append, "next")

    waiting.cancel()
    let_go.set()
    following.result(30)

    assert ran == ["next"]


def test_a_process_ends_though_a_function_never_returns() -> None:
    ended = subprocess.run([sys.executable, "-c", STUCK], timeout=30, capture_output=True, text=True, check=True)  # noqa: S603 - our own

    assert ended.stdout == "over\n"


def test_threads_end_when_they_have_nothing_to_do() -> None:
    others = set(threading.enumerate())
    threads = RuleThreads(2)
    running = set(threading.enumerate()) - others
    last = threads.submit(lambda: "done")

    threads.shutdown()
    for thread in running:
        thread.join(30)

    assert last.result(0) == "done"
    assert [thread.is_alive() for thread in running] == [False, False]
