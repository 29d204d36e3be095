"""Threads for rules that are functions: a process ends without those that are stuck in one."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

Call = tuple["Future[Any]", Callable[[], Any]]
"""What is to be called, and who waits for what it returns."""


class RuleThreads(Executor):
    """Runs functions in `size` threads. Those of `concurrent.futures` would keep the process alive until all return."""

    def __init__(self, size: int) -> None:
        self._waiting: SimpleQueue[Call | None] = SimpleQueue()
        self._size = size
        for number in range(size):
            Thread(target=self._work, name=f"rules_{number}", daemon=True).start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Call the function as soon as a thread is free."""
        future: Future[T] = Future()
        self._waiting.put((future, partial(fn, *args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - as Executor has it
        """Let each thread end when it has nothing to do. Never waits, and cancels nothing."""
        for _ in range(self._size):
            self._waiting.put(None)

    def _work(self) -> None:
        while (call := self._waiting.get()) is not None:
            _answer(*call)
            del call  # holds an image, or the claims of a user


def _answer(future: "Future[Any]", call: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():  # its caller has been refused meanwhile
        return
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001 - whoever waits for it is told
        future.set_exception(error)
