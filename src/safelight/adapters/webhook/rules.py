"""Asks the rules of a kind: its functions, or the application at `rules=Webhook(...)`."""

import asyncio
import inspect
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from datetime import timedelta
from functools import partial

import structlog

from safelight.adapters.webhook.question import Question, Questioner, about_upload, about_view
from safelight.domain.errors import DeliveryFailed
from safelight.domain.image import Attachment, Image
from safelight.domain.kind import Kind
from safelight.domain.who import Who

log = structlog.get_logger(__name__)

Rule = Callable[[], bool | Awaitable[bool]]
"""A rule that has been told whom it is about."""


class KindRules:
    """Fulfils `ports.policy.Policy`. No verdict is kept: the application may change its mind at any moment.

    A rule that is no coroutine function runs in one of `threads`, so that one that blocks does not stop the event loop.
    After `timeout` its caller is refused; the thread stays taken until the rule returns.
    """

    def __init__(self, *, timeout: timedelta, threads: Executor, questioner: Questioner | None) -> None:
        """Take how long a rule may think, and who asks the application: None where no kind wants that."""
        self._timeout = timeout
        self._threads = threads
        self._questioner = questioner

    async def may_upload(self, kind: Kind, who: Who, target: Attachment | None) -> bool:
        """Whether `who` may upload an image of `kind` for `target`."""
        rule = partial(kind.may_upload, who, target) if kind.may_upload else None
        return await self._verdict(kind, about_upload(kind, who, target), rule)

    async def may_view(self, kind: Kind, who: Who, image: Image) -> bool:
        """Whether `who` may see `image`, which is of `kind`."""
        rule = partial(kind.may_view, who, image) if kind.may_view else None
        return await self._verdict(kind, about_view(kind, who, image), rule)

    async def _verdict(self, kind: Kind, question: Question, rule: Rule | None) -> bool:
        try:
            if kind.rules is not None and self._questioner is not None:
                return await self._questioner.ask(kind.rules.url, question)
            return rule is not None and await self._decided(rule)
        except TimeoutError:
            reason = "it took too long"
        except DeliveryFailed as error:
            reason = error.reason
        except Exception as error:  # noqa: BLE001 - whatever a rule of the application raises is a refusal
            reason = _place(error)
        log.warning("rule_gave_no_answer", kind=kind.name, rule=question.type, reason=reason)
        return False

    async def _decided(self, rule: Rule) -> bool:
        """Return what the rule says. Raises TypeError where that is neither True nor False."""
        async with asyncio.timeout(self._timeout.total_seconds()):
            returns_at_once = inspect.iscoroutinefunction(rule)
            loop = asyncio.get_running_loop()
            verdict = rule() if returns_at_once else await loop.run_in_executor(self._threads, rule)
            decided = await verdict if inspect.isawaitable(verdict) else verdict
        if not isinstance(decided, bool):
            raise TypeError(type(decided).__name__)
        return decided


def _place(error: Exception) -> str:
    """Return what was raised and where. Its text is left out: it may hold claims."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {frame.filename}:{frame.lineno}"
