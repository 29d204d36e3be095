"""Answers kept for repeated POSTs, within a transaction of the records."""

from datetime import datetime
from typing import Protocol

from safelight.domain.answer import KeptAnswer, Question


class Answers(Protocol):
    """One row for each caller and key."""

    async def claim(
        self, question: Question, *, now: datetime, until: datetime, expires_at: datetime
    ) -> KeptAnswer | None:
        """Claim a question and return None, or return what stands in the way: another's claim, or the answer.

        A claim that has run out, and an answer past its end, stand in nobody's way. What is returned may have another
        digest: then the key was used for something else.
        """
        ...

    async def keep(self, question: Question, *, claimed_until: datetime, sealed: bytes) -> bool:
        """Keep the answer to a claimed question; False where the claim is another's by now."""
        ...

    async def drop(self, question: Question, *, claimed_until: datetime) -> None:
        """Let go of a claim: nothing came of it, and the question may be asked again."""
        ...

    async def release(self) -> int:
        """Let go of every claim, and return how many there were: when no process can be at work on any."""
        ...

    async def forget_owner(self, owner_id: str) -> int:
        """Forget whatever was answered to a user, and return how many answers."""
        ...

    async def forget(self, before: datetime, *, limit: int) -> int:
        """Forget answers that ended before then, and return how many: at most `limit`."""
        ...
