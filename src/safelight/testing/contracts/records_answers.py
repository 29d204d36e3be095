"""What every database of records must keep of answers to repeated calls."""
# ruff: noqa: D102 - a test's name is its sentence

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from safelight.domain.answer import KeptAnswer, Question
from safelight.ports.records import Records
from safelight.testing.fakes import NOW

QUESTION = Question("user:42", "key-1", "d" * 64)
OTHERS = (
    replace(QUESTION, caller="user:43"),
    replace(QUESTION, caller="user:4", key="2key-1"),
    replace(QUESTION, key="KEY-1"),
)
UNTIL = NOW + timedelta(minutes=1)
END = NOW + timedelta(days=1)


async def claim(
    records: Records, question: Question = QUESTION, *, now: datetime = NOW, until: datetime = UNTIL
) -> KeptAnswer | None:
    """Claim a question in a transaction of its own."""
    async with records.transaction() as tx:
        return await tx.answers.claim(question, now=now, until=until, expires_at=now + (END - NOW))


async def keep(records: Records, question: Question = QUESTION, *, until: datetime = UNTIL) -> bool:
    """Keep an answer in a transaction of its own."""
    async with records.transaction() as tx:
        return await tx.answers.keep(question, claimed_until=until, sealed=b"sealed")


class RecordsAnswersContract:
    """Claims of questions, and what is kept of them."""

    async def test_a_question_is_claimed_once(self, records: Records) -> None:
        first = await claim(records)
        second = await claim(records, until=UNTIL + timedelta(seconds=1))

        assert first is None
        assert second == KeptAnswer(QUESTION, UNTIL, END)

    async def test_of_many_at_once_one_has_it(self, records: Records) -> None:
        moments = [UNTIL + timedelta(microseconds=number) for number in range(20)]

        claims = await asyncio.gather(*(claim(records, until=until) for until in moments))

        assert claims.count(None) == 1
        assert len({found.claimed_until for found in claims if found is not None}) == 1

    @pytest.mark.parametrize("other", OTHERS)
    async def test_a_question_is_one_callers_with_one_key(self, records: Records, other: Question) -> None:
        await claim(records)

        assert await claim(records, other) is None

    async def test_a_claim_with_another_digest_finds_what_was_asked(self, records: Records) -> None:
        await claim(records)

        found = await claim(records, replace(QUESTION, digest="e" * 64))

        assert found is not None
        assert found.question == QUESTION

    async def test_the_answer_that_was_kept_is_found(self, records: Records) -> None:
        await claim(records)
        kept = await keep(records)

        found = await claim(records, now=NOW + timedelta(hours=23))

        assert kept
        assert found == KeptAnswer(QUESTION, UNTIL, END, b"sealed")

    async def test_a_claim_runs_out(self, records: Records) -> None:
        await claim(records)
        just_before, later = UNTIL - timedelta(microseconds=1), UNTIL + timedelta(minutes=1)

        assert await claim(records, now=just_before, until=later) is not None
        assert await claim(records, now=UNTIL, until=later) is None

    async def test_whoever_lost_its_claim_keeps_nothing_and_lets_go_of_nothing(self, records: Records) -> None:
        later = UNTIL + timedelta(minutes=1)
        await claim(records)
        await claim(records, now=UNTIL, until=later)

        kept = await keep(records, until=UNTIL)
        async with records.transaction() as tx:
            await tx.answers.drop(QUESTION, claimed_until=UNTIL)

        assert not kept
        assert await keep(records, until=later)

    async def test_an_answer_is_kept_once(self, records: Records) -> None:
        await claim(records)
        await keep(records)

        async with records.transaction() as tx:
            assert not await tx.answers.keep(QUESTION, claimed_until=UNTIL, sealed=b"another")

    async def test_what_was_let_go_can_be_claimed_again(self, records: Records) -> None:
        await claim(records)
        async with records.transaction() as tx:
            await tx.answers.drop(QUESTION, claimed_until=UNTIL)

        assert await claim(records) is None

    async def test_an_answer_is_not_let_go(self, records: Records) -> None:
        await claim(records)
        await keep(records)
        async with records.transaction() as tx:
            await tx.answers.drop(QUESTION, claimed_until=UNTIL)

        assert await claim(records) is not None

    async def test_an_answer_past_its_end_stands_in_nobodys_way(self, records: Records) -> None:
        await claim(records)
        await keep(records)
        later = END + timedelta(minutes=1)

        assert await claim(records, now=END - timedelta(microseconds=1), until=later) is not None
        assert await claim(records, replace(QUESTION, digest="e" * 64), now=END, until=later) is None
        assert await claim(records, now=END, until=later) == KeptAnswer(
            replace(QUESTION, digest="e" * 64), later, END + (END - NOW)
        )

    async def test_answers_past_their_end_are_forgotten_some_at_a_time(self, records: Records) -> None:
        questions = [replace(QUESTION, key=str(number)) for number in range(3)]
        for question in questions:
            await claim(records, question)
            await keep(records, question)
        await claim(records, replace(QUESTION, key="young"), now=NOW + timedelta(seconds=1))

        async with records.transaction() as tx:
            forgotten = [await tx.answers.forget(END + timedelta(microseconds=1), limit=2) for _ in range(3)]

        assert forgotten == [2, 1, 0]
        assert await claim(records, replace(QUESTION, key="young")) is not None

    async def test_all_claims_are_released_and_answers_stay(self, records: Records) -> None:
        answered = replace(QUESTION, key="answered")
        await claim(records)
        await claim(records, answered)
        await keep(records, answered)

        async with records.transaction() as tx:
            released = await tx.answers.release()

        assert released == 1
        assert await claim(records) is None
        assert await claim(records, answered) is not None
