"""Webhooks: sent once where they arrive, again where they do not, and given up in the end."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from safelight.domain.events import Delivery, WebhookEvent
from safelight.domain.image import State
from safelight.domain.jobs import DeliveryId, SendWebhook
from safelight.domain.report import report
from safelight.domain.retry import Backoff
from safelight.journey.announce import Persistence, Tried, give_up_webhook, send_webhook
from safelight.ports.snapshot import ImageFilter
from safelight.testing.fakes import RecordingNotifier

FIRST = DeliveryId("d" * 32)
DAY = timedelta(days=1)
PERSISTENCE = Persistence(
    DAY, Backoff(timedelta(seconds=5), timedelta(hours=1), lambda: 1.0), timeout=timedelta(seconds=10)
)


@pytest.fixture
def notifier() -> RecordingNotifier:
    return RecordingNotifier()


async def owe(stage: Any, state: State = State.READY) -> None:
    image = await stage.image_in(state)
    async with stage.records.transaction() as tx:
        await tx.add_delivery(Delivery.owed(FIRST, image.id, state, at=stage.clock.now()))


async def send(stage: Any, notifier: Any) -> Tried | None:
    return await send_webhook(
        FIRST,
        records=stage.records,
        notifier=notifier,
        links=stage.links,
        clock=stage.clock,
        persistence=PERSISTENCE,
    )


async def delivery(stage: Any) -> Delivery:
    async with stage.records.reading() as snapshot:
        found: Delivery = await snapshot.delivery(FIRST)
        return found


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (State.READY, WebhookEvent.READY),
        (State.REJECTED, WebhookEvent.REJECTED),
        (State.FAILED, WebhookEvent.FAILED),
        (State.DELETED, WebhookEvent.DELETED),
    ],
)
async def test_the_message_says_what_happened_and_what_check_says(
    stage: Any, notifier: RecordingNotifier, state: State, event: WebhookEvent
):
    await owe(stage, state)

    tried = await send(stage, notifier)

    ((sent_id, body, sent_at),) = notifier.sent
    message = msgspec.json.decode(body)
    (image,) = await _all(stage)
    assert tried == Tried(event, 1, None, None)
    assert (sent_id, sent_at) == (FIRST, stage.clock.now())
    assert (message["type"], set(message)) == (event, {"type", "timestamp", "data"})
    assert message["data"] == msgspec.to_builtins(report(image, [], stage.links))


async def test_what_arrived_is_settled_and_not_sent_again(stage: Any, notifier: RecordingNotifier):
    await owe(stage)
    await send(stage, notifier)

    again = await send(stage, notifier)

    assert again is None
    assert len(notifier.sent) == 1
    assert (await delivery(stage)).settled_at == stage.clock.now()


async def test_what_did_not_arrive_is_queued_for_later_and_not_sent_before(stage: Any, notifier: RecordingNotifier):
    await owe(stage)
    notifier.failing = "the receiver answered 500"

    tried = await send(stage, notifier)
    at_once = await send(stage, notifier)

    noted = await delivery(stage)
    later = stage.clock.now() + timedelta(seconds=5)
    reason = "The webhook could not be delivered: the receiver answered 500."
    assert (tried, at_once) == (Tried(WebhookEvent.READY, 1, reason, later), None)
    assert (noted.attempts, noted.next_attempt_at, noted.settled_at) == (1, later, None)
    assert noted.last_error == reason
    assert stage.jobs.queued == [(SendWebhook(FIRST), later)]


async def test_it_arrives_at_a_later_try_under_the_same_id(stage: Any, notifier: RecordingNotifier):
    await owe(stage)
    notifier.failing = "down"
    await send(stage, notifier)
    notifier.failing = None
    stage.clock.advance(timedelta(seconds=5))

    tried = await send(stage, notifier)

    noted = await delivery(stage)
    assert tried == Tried(WebhookEvent.READY, 2, None, None)
    assert [sent_id for sent_id, _, _ in notifier.sent] == [FIRST]
    assert (noted.attempts, noted.last_error) == (2, None)


async def test_after_a_day_it_is_given_up(stage: Any, notifier: RecordingNotifier):
    await owe(stage)
    notifier.failing = "down"

    tries = 0
    while (noted := await delivery(stage)).settled_at is None:
        stage.clock.advance(max(timedelta(0), noted.next_attempt_at - stage.clock.now()))
        await send(stage, notifier)
        tries += 1

    passed = stage.clock.now() - noted.created_at
    assert DAY - timedelta(hours=1) <= passed <= DAY
    assert (noted.attempts, noted.last_error) == (tries, "The webhook could not be delivered: down.")
    assert 24 < tries < 40


async def test_while_one_try_waits_for_its_answer_no_other_is_made(stage: Any):
    await owe(stage)
    asked, may_answer = asyncio.Event(), asyncio.Event()

    class Slow(RecordingNotifier):
        async def send(self, *args: Any, **kwargs: Any) -> None:
            asked.set()
            await may_answer.wait()
            await super().send(*args, **kwargs)

    slow = Slow(failing="down")
    first = asyncio.create_task(send(stage, slow))
    await asked.wait()
    stage.clock.advance(PERSISTENCE.timeout)
    due = await stage.owed()
    second = await send(stage, slow)
    may_answer.set()

    assert (due, second) == ([], None)
    tried = await first
    assert tried is not None
    assert (tried.attempt, (await delivery(stage)).attempts, len(stage.jobs.queued)) == (1, 1, 1)


async def test_a_try_that_its_process_did_not_survive_is_due_again(stage: Any, notifier: RecordingNotifier):
    await owe(stage)

    class Killed(RecordingNotifier):
        async def send(self, *_args: Any, **_kwargs: Any) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await send(stage, Killed())
    stage.clock.advance(PERSISTENCE.timeout + timedelta(seconds=5))

    assert [owed.id for owed in await stage.owed()] == [FIRST]
    assert await send(stage, notifier) == Tried(WebhookEvent.READY, 2, None, None)


async def test_a_message_for_nobody_is_given_up_once_and_says_why(stage: Any):
    await owe(stage)

    first, second = [await give_up_webhook(FIRST, reason="why", records=stage.records, clock=stage.clock) for _ in "12"]

    noted = await delivery(stage)
    assert (first, second) == (True, False)
    assert (noted.settled_at, noted.last_error, noted.attempts) == (stage.clock.now(), "why", 0)


async def test_a_delivery_that_is_not_there_is_nothing_to_do(stage: Any, notifier: RecordingNotifier):
    assert await send(stage, notifier) is None


async def _all(stage: Any) -> Any:
    async with stage.records.reading() as snapshot:
        return await snapshot.page(ImageFilter(), after=None, limit=10)


async def test_the_first_try_is_made_whatever_the_clock_of_whoever_owes_it_says(
    stage: Any, notifier: RecordingNotifier
):
    await owe(stage)
    stage.clock.advance(-timedelta(minutes=5))

    tried = await send(stage, notifier)

    assert tried is not None
    assert len(notifier.sent) == 1


async def test_a_further_try_may_come_a_moment_early(stage: Any, notifier: RecordingNotifier):
    await owe(stage)
    notifier.failing = "down"
    await send(stage, notifier)
    stage.clock.advance(timedelta(seconds=4.9))

    tried = await send(stage, notifier)

    assert tried is not None
    assert tried.attempt == 2
