"""A rule of the application, asked over HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec

from safelight.adapters.webhook.channel import Channel
from safelight.domain.errors import DeliveryFailed
from safelight.domain.image import Attachment, Image, ImageId, State
from safelight.domain.kind import Kind
from safelight.domain.who import Who
from safelight.ports.clock import Clock, Ids


@dataclass(frozen=True, slots=True)
class User:
    """The user, by the id and the claims of the JWT."""

    id: str | None
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class UploadQuestion:
    """Whether this user may upload an image of this kind for `target`."""

    kind: str
    who: User
    target: Attachment | None


@dataclass(frozen=True, slots=True)
class SeenImage:
    """The image that a user wants to see, as far as a rule may need it."""

    id: ImageId
    owner: str | None
    attached_to: Attachment | None
    status: State


@dataclass(frozen=True, slots=True)
class ViewQuestion:
    """Whether this user may see this image."""

    kind: str
    who: User
    image: SeenImage


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: `type` names the rule."""

    type: str
    data: UploadQuestion | ViewQuestion


@dataclass(frozen=True, slots=True)
class Message:
    """The body of a question."""

    type: str
    timestamp: datetime
    data: UploadQuestion | ViewQuestion


class Verdict(msgspec.Struct):
    """The body of an answer. What else is in it, is not read."""

    allowed: bool


def about_upload(kind: Kind, who: Who, target: Attachment | None) -> Question:
    """Return the question whether `who` may upload."""
    return Question("rule.may_upload", UploadQuestion(kind.name, _user(who), target))


def about_view(kind: Kind, who: Who, image: Image) -> Question:
    """Return the question whether `who` may see an image."""
    seen = SeenImage(image.id, image.owner, image.attached_to, image.state)
    return Question("rule.may_view", ViewQuestion(kind.name, _user(who), seen))


class Questioner:
    """Asks the application's rules through `channel`."""

    def __init__(self, channel: Channel, *, clock: Clock, ids: Ids) -> None:
        self._channel = channel
        self._clock = clock
        self._ids = ids

    async def ask(self, url: str, question: Question) -> bool:
        """Return what the application says. Raises DeliveryFailed for all that is not 200 and a verdict."""
        now = self._clock.now()
        body = msgspec.json.encode(Message(question.type, now, question.data))
        answer = await self._channel.post(url, self._ids.new(), body, at=now)
        if answer.status != HTTPStatus.OK:
            raise DeliveryFailed(f"the receiver answered {answer.status}")
        if not answer.whole:
            raise DeliveryFailed("the answer is too long")
        try:
            return msgspec.json.decode(answer.body, type=Verdict).allowed
        except (ValueError, RecursionError) as error:
            raise DeliveryFailed('the answer is not {"allowed": true} or {"allowed": false}') from error


def _user(who: Who) -> User:
    return User(who.id, dict(who.claims))
