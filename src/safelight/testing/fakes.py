"""Small fakes of the ports: a clock that stands still, ids that count, and notes of what was asked for."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from safelight.domain.errors import Busy, DeliveryFailed, ImageRejected, NotAuthenticated, Reason, ScannerFailed
from safelight.domain.events import AuditEvent
from safelight.domain.hooks import ClamAV, Scan
from safelight.domain.image import Attachment, Image, ImageId
from safelight.domain.jobs import DeliveryId, Job
from safelight.domain.kind import Kind
from safelight.domain.who import Role, Who
from safelight.ports.jobs import AT_ONCE, Handler
from safelight.ports.renderer import Part, Recipe

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
"""When tests take place, unless they say otherwise."""


class FrozenClock:
    """ports.clock.Clock that stands still until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now

    def now(self) -> datetime:
        """Return the moment at which it stands."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move on, and return the new present."""
        self._now += by
        return self._now


class Seconds:
    """A monotonic clock, in seconds, that stands still until it is moved."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


class CountingIds:
    """ports.clock.Ids that gives 1, 2, 3 and so on, in the form of an id."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def new(self) -> str:
        """Return the next number in 32 hexadecimal digits."""
        return f"{next(self._numbers):032x}"


@dataclass
class RecordingJobs:
    """ports.jobs.Jobs that keeps what was queued, in `queued`, until `run` hands it to a handler.

    `behind` has, for each job, how many others of its owner were said to go before it when it was last queued.
    """

    queued: list[tuple[Job, datetime | None]] = field(default_factory=list)
    behind: dict[Job, int] = field(default_factory=dict)

    async def enqueue(self, job: Job, *, run_at: datetime | None = None, behind: int = 0) -> None:
        """Keep a job, unless it is there already."""
        self.behind[job] = behind
        if (job, run_at) not in self.queued:
            self.queued.append((job, run_at))

    async def run(
        self, handler: Handler, *, recover: Handler | None = None, concurrency: int, grace: timedelta = AT_ONCE
    ) -> None:
        """Run all that is queued, in order and whatever its time, with what comes of it; then return."""
        del recover  # no worker of another ever had a job
        assert concurrency > 0
        assert grace >= AT_ONCE
        while self.queued:
            await handler(self.queued.pop(0)[0])

    async def depth(self, *, at_most: int | None = None) -> int:
        """Return how many jobs wait."""
        return len(self.queued[:at_most])

    async def forget_finished(self) -> None:
        """Nothing is remembered of jobs that ran."""


@dataclass
class RecordingAudit:
    """ports.audit.Audit that keeps, in `noted`, what was noted, and, in `noted_once`, what was to be noted once."""

    noted: list[AuditEvent] = field(default_factory=list)
    noted_once: list[AuditEvent] = field(default_factory=list)

    def note(self, event: AuditEvent, *, once: bool = False) -> None:
        """Keep an event."""
        (self.noted_once if once else self.noted).append(event)


class SilentWaiter:
    """ports.signals.Waiter for which no time passes."""

    def __init__(self, signals: "RecordingSignals", image_id: ImageId) -> None:
        self._signals = signals
        self._image_id = image_id
        self._heard = signals.changed_images.count(image_id)

    async def wait(self, at_most: timedelta) -> bool:
        """Say at once whether the image changed since the last look."""
        assert at_most >= timedelta(0)
        heard, self._heard = self._heard, self._signals.changed_images.count(self._image_id)
        return self._heard > heard


@dataclass
class RecordingSignals:
    """ports.signals.Signals that keeps, in `changed_images`, whose waiters were woken."""

    changed_images: list[ImageId] = field(default_factory=list)

    async def changed(self, image_id: ImageId) -> None:
        """Note that the image's waiters were woken."""
        self.changed_images.append(image_id)

    @asynccontextmanager
    async def waiter(self, image_id: ImageId) -> AsyncIterator[SilentWaiter]:
        """Return a block whose waiter never really waits."""
        yield SilentWaiter(self, image_id)


@dataclass
class RecordingNotifier:
    """ports.notifier.Notifier that keeps, in `sent`, what was sent. While `failing` is set, that is the reason."""

    sent: list[tuple[DeliveryId, bytes, datetime]] = field(default_factory=list)
    failing: str | None = None

    async def send(self, delivery_id: DeliveryId, body: bytes, *, at: datetime) -> None:
        """Note a message as sent. Raises DeliveryFailed while it is failing."""
        if self.failing is not None:
            raise DeliveryFailed(self.failing)
        self.sent.append((delivery_id, body, at))


class RulesAtOnce:
    """ports.policy.Policy that runs the functions of a kind, which must be plain ones, and asks nobody else."""

    async def may_upload(self, kind: Kind, who: Who, target: Attachment | None) -> bool:
        """Return what the kind's rule says."""
        return kind.may_upload is not None and kind.may_upload(who, target) is True

    async def may_view(self, kind: Kind, who: Who, image: Image) -> bool:
        """Return what the kind's rule says."""
        return kind.may_view is not None and kind.may_view(who, image) is True


class UsersAtTheirWord:
    """ports.identity.Identities that believes a JWT `user.<id>.jwt`, and counts how often it was asked.

    It is too busy for one that begins with `busy`; any other names nobody.
    """

    def __init__(self) -> None:
        self.asked = 0

    async def user(self, token: str) -> Who:
        """Return the user that the JWT names."""
        self.asked += 1
        word, user_id, _ = token.split(".")
        if word == "busy":
            raise Busy
        if word != "user":
            raise NotAuthenticated
        return Who(Role.USER, user_id, claims={"sub": user_id})


class ScriptedRenderer:
    """ports.renderer.Renderer that yields the parts it was given, or raises the error among them, for every image."""

    def __init__(self, script: Iterable[Part | Exception]) -> None:
        self._script = tuple(script)
        self.recipes: list[Recipe] = []
        self.sources: list[bytes] = []

    async def render(self, source: AsyncIterator[bytes], recipe: Recipe) -> AsyncGenerator[Part, None]:
        """Read the source to its end, then play the script."""
        self.sources.append(b"".join([piece async for piece in source]))
        self.recipes.append(recipe)
        for part in self._script:
            if isinstance(part, Exception):
                raise part
            yield part


@dataclass
class ScriptedScanner:
    """ports.scanner.Scanner that finds files infected which hold `marker`. While `failing` is set, that is the reason.

    `failing_midway` lets it be seen, but break down when it has read the file. `scanned` keeps what was read.
    """

    marker: bytes = b"harmful"
    failing: str | None = None
    failing_midway: str | None = None
    seen: int = 0
    scanned: list[bytes] = field(default_factory=list)

    async def see(self, _scan: ClamAV | Scan) -> None:
        """Note that it was asked for. Raises ScannerFailed while it is failing."""
        self.seen += 1
        if self.failing is not None:
            raise ScannerFailed(self.failing)

    async def scan(self, _scan: ClamAV | Scan, source: AsyncIterator[bytes]) -> None:
        """Read the file and look for the marker. Raises ImageRejected, ScannerFailed."""
        if self.failing is not None:
            raise ScannerFailed(self.failing)
        content = b"".join([piece async for piece in source])
        self.scanned.append(content)
        if self.failing_midway is not None:
            raise ScannerFailed(self.failing_midway)
        if self.marker in content:
            raise ImageRejected(Reason.INFECTED, "'Test.Harmful FOUND'")
