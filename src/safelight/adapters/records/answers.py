"""Answers kept for repeated POSTs: ports.answers.Answers on one connection."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, or_, select, tuple_, update

from safelight.adapters.records.rows import answer_from
from safelight.adapters.records.statements import Statements
from safelight.adapters.records.tables import answer
from safelight.domain.answer import KeptAnswer, Question


class SqlAnswers:
    """Changes the rows of `answer`."""

    def __init__(self, statements: Statements) -> None:
        self._run = statements

    async def claim(
        self, question: Question, *, now: datetime, until: datetime, expires_at: datetime
    ) -> KeptAnswer | None:
        """Claim a question and return None, or return what stands in the way."""
        values = {"digest": question.digest, "claimed_until": until, "expires_at": expires_at, "sealed": None}
        over = or_(answer.c.expires_at <= now, and_(answer.c.sealed.is_(None), answer.c.claimed_until <= now))
        claimed = self._run.insert(answer).values({"caller": question.caller, "key": question.key} | values)
        mine = claimed.on_conflict_do_update(index_elements=list(answer.primary_key), set_=values, where=over)
        if await self._run.did(mine):
            return None
        return answer_from((await self._run.execute(select(answer).where(_is(question)))).one())

    async def keep(self, question: Question, *, claimed_until: datetime, sealed: bytes) -> bool:
        """Keep the answer to a claimed question; False where the claim is another's by now."""
        return await self._run.did(update(answer).where(_is_claimed(question, claimed_until)).values(sealed=sealed))

    async def drop(self, question: Question, *, claimed_until: datetime) -> None:
        """Let go of a claim."""
        await self._run.execute(delete(answer).where(_is_claimed(question, claimed_until)))

    async def release(self) -> int:
        """Let go of every claim, and return how many there were."""
        return (await self._run.execute(delete(answer).where(answer.c.sealed.is_(None)))).rowcount

    async def forget_owner(self, owner_id: str) -> int:
        """Forget whatever was answered to a user, whose name is as `Who.name` writes it; return how many answers."""
        return (await self._run.execute(delete(answer).where(answer.c.caller == f"user:{owner_id}"))).rowcount

    async def forget(self, before: datetime, *, limit: int) -> int:
        """Forget answers that ended before then, and return how many."""
        old = (
            select(*answer.primary_key)
            .where(answer.c.expires_at < before)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return (await self._run.execute(delete(answer).where(tuple_(*answer.primary_key).in_(old)))).rowcount


def _is(question: Question) -> ColumnElement[bool]:
    return and_(answer.c.caller == question.caller, answer.c.key == question.key)


def _is_claimed(question: Question, claimed_until: datetime) -> ColumnElement[bool]:
    return and_(_is(question), answer.c.claimed_until == claimed_until, answer.c.sealed.is_(None))
