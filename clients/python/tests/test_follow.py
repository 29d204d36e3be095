from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from safelight_client import Retry, Status, StillProcessing
from safelight_client.api import Api
from safelight_client.exchange import Conversation, Pause, Request, Response
from safelight_client.upload import wait


@dataclass
class World:
    """Carries a conversation out in time of its own; `took_s` is what the server takes for a long poll."""

    answers: list[tuple[str, dict[str, str]]]
    took_s: float = 0.0
    now: float = 1000.0
    waits: list[str | None] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def run(self, conversation: Conversation[Any]) -> Any:
        command = next(conversation)
        try:
            while True:
                command = conversation.send(self._outcome(command))
        except StopIteration as end:
            return end.value

    def _outcome(self, command: object) -> Response | None:
        if isinstance(command, Pause):
            self.pauses.append(command.seconds)
            self.now += command.seconds
            return None
        assert isinstance(command, Request)
        self.waits.append(command.headers.get("Prefer"))
        self.now += self.took_s if self.waits[-1] else 0.0
        status, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        body = f'{{"id": "1", "kind": "avatar", "status": "{status}"}}'.encode()
        return Response(304 if status == "same" else 200, headers, body)


TAGGED = {"etag": '"1"'}


@pytest.fixture
def api_in() -> Callable[[World], Api]:
    """Return what makes an API in a world."""
    return lambda world: Api("https://a", None, Retry(), lambda: 0.0, lambda: "key", lambda: world.now)


def test_a_server_that_waits_itself_is_asked_again_at_once(api_in: Any) -> None:
    world = World([("processing", TAGGED), ("processing", TAGGED), ("same", TAGGED), ("ready", TAGGED)], took_s=20)

    image = world.run(wait(api_in(world), "1", None, 300))

    assert image.status is Status.READY
    assert world.waits == [None, "wait=20", "wait=20", "wait=20"]
    assert world.pauses == [0.0, 0.0]


def test_a_server_that_does_not_wait_is_not_hammered(api_in: Any) -> None:
    world = World([("processing", {})] * 3 + [("ready", {})])

    world.run(wait(api_in(world), "1", None, 300))

    assert world.waits == [None] * 4
    assert world.pauses == [1.0, 1.0]


def test_a_server_says_how_long_to_stay_away(api_in: Any) -> None:
    world = World([("processing", {}), ("processing", {"retry-after": "7"}), ("ready", {})])

    world.run(wait(api_in(world), "1", None, 300))

    assert world.pauses == [7.0]


def test_what_has_changed_is_followed_without_a_pause(api_in: Any) -> None:
    world = World([("requested", {}), ("uploaded", {}), ("processing", {}), ("ready", {})])

    world.run(wait(api_in(world), "1", None, 300))

    assert world.pauses == []


@pytest.mark.parametrize("took_s", [0.0, 3.0, 20.0])
@pytest.mark.parametrize("stay_away_s", ["0", "7", "3600"])
def test_waiting_ends_in_time(api_in: Any, took_s: float, stay_away_s: str) -> None:
    world = World([("processing", {**TAGGED, "retry-after": stay_away_s})], took_s=max(took_s, 0.1))

    with pytest.raises(StillProcessing):
        world.run(wait(api_in(world), "1", None, 50.0))

    assert 1050 <= world.now <= 1050 + max(took_s, 0.1)


def test_the_last_long_poll_is_as_short_as_the_time_that_is_left(api_in: Any) -> None:
    world = World([("processing", TAGGED)], took_s=20)

    with pytest.raises(StillProcessing):
        world.run(wait(api_in(world), "1", None, 25.5))

    assert world.waits == [None, "wait=20", "wait=6"]
