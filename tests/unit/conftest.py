"""The world of the journey, for tests of its steps: SQLite in the test's own folder, all else in memory."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import cast

import httpx
import pytest

from credentials import keep_key
from documented import see_that_it_is_documented
from safelight.adapters.disk.signer import DiskSigner
from safelight.adapters.metrics import PrometheusMetrics
from safelight.adapters.rates import MemoryRates
from safelight.adapters.records.engine import WRITER_PRAGMAS
from safelight.adapters.records.migrate import migrate
from safelight.adapters.records.store import SqlRecords, open_records
from safelight.adapters.seal import KeyringSeal
from safelight.domain import keys
from safelight.domain.declaration import Declaration
from safelight.domain.events import Action, Delivery, Origin
from safelight.domain.image import Image, ImageId, Rendition, State
from safelight.domain.jobs import Job
from safelight.domain.kind import Kind, Kinds
from safelight.domain.owner import OwnerLimits
from safelight.domain.retry import Backoff
from safelight.domain.tokens import Keyring, Tokens
from safelight.domain.urls import Links
from safelight.domain.variant import cover, fit
from safelight.domain.who import ApiKeyId, Role, Scope, Who
from safelight.http.api import api
from safelight.http.asgi import App
from safelight.http.parts import Limits, Parts
from safelight.http.rates import Rates
from safelight.http.readiness import Readiness, database_answers, store_answers
from safelight.http.request_id import with_request_id
from safelight.journey.finalize import Retries
from safelight.journey.request import Rules
from safelight.testing.contracts.records import image_in
from safelight.testing.fakes import (
    CountingIds,
    FrozenClock,
    RecordingAudit,
    RecordingJobs,
    RecordingSignals,
    RulesAtOnce,
)
from safelight.testing.memory_store import MemoryObjectStore
from safelight.testing.samples import audit_of
from storing import World

APPLICATION = Who(Role.APPLICATION, scopes=frozenset(Scope))
RING = Keyring({"a": b"a" * 32}, "a")
FILE = b"the bytes of a file"
OWNER_LIMITS = OwnerLimits(requests_per_minute=100, open_uploads=100, images=100, bytes=1_000_000_000)


@dataclass
class Stage:
    """Where a step is tried: every port that it needs, and what a test asks of them."""

    records: SqlRecords
    jobs: RecordingJobs
    kinds: Kinds
    clock: FrozenClock = field(default_factory=FrozenClock)
    audit: RecordingAudit = field(default_factory=RecordingAudit)
    signals: RecordingSignals = field(default_factory=RecordingSignals)
    policy: RulesAtOnce = field(default_factory=RulesAtOnce)
    ids: CountingIds = field(default_factory=CountingIds)
    tokens: Tokens = field(default_factory=lambda: Tokens(lambda: RING))
    origin: Origin = field(default_factory=lambda: Origin(APPLICATION, "192.0.2.1", "request-1"))
    retries: Retries = field(
        default_factory=lambda: Retries(3, Backoff(timedelta(seconds=2), timedelta(minutes=1), lambda: 1.0))
    )

    def __post_init__(self) -> None:
        self.objects = MemoryObjectStore(now=self.clock.now)
        self.signer = DiskSigner(self.tokens, uploads_url="https://up.example", delivery_url="https://cdn.example")
        self.links = Links("https://api.example", self.signer.public_url)

    async def image_in(self, state: State, number: int = 1, **changes: object) -> Image:
        """Return an image that went the road to `state`; its declared size is that of FILE."""
        return await image_in(self.records, state, number, **{"declared_bytes": len(FILE), **changes})

    async def stored(self, image_id: ImageId) -> Image:
        """Return the record as it is now."""
        async with self.records.reading() as snapshot:
            return await snapshot.image(image_id)

    async def renditions(self, image_id: ImageId) -> list[Rendition]:
        """Return what the records say is stored."""
        async with self.records.reading() as snapshot:
            return list(await snapshot.renditions(image_id))

    async def actions(self, image_id: ImageId) -> list[Action]:
        """Return what the audit log says was done."""
        async with self.records.reading() as snapshot:
            return [event.action for event in await audit_of(image_id, snapshot)]

    async def owed(self) -> list[Delivery]:
        """Return the webhooks that are due by now."""
        async with self.records.reading() as snapshot:
            return list(await snapshot.unsettled_deliveries(self.clock.now(), limit=100))

    async def keys(self) -> set[str]:
        """Return the keys of all objects."""
        return {stored.key async for stored in self.objects.list("")}

    async def block(self, image: Image) -> None:
        """Block the image's owner."""
        async with self.records.transaction() as tx:
            await tx.owners.block(image.owner or "", at=self.clock.now())

    async def unblock(self, image: Image) -> None:
        """End that block."""
        async with self.records.transaction() as tx:
            await tx.owners.unblock(image.owner or "")

    async def outdate(self, kind: Kind) -> None:
        """Let another process have declared the kind with one variant more, so that this one's file is the older."""
        here = Declaration.of(kind)
        newer = Declaration(kind.name, {**here.variants, "newer": "f" * 16})
        async with self.records.transaction() as tx:
            for declaration in (here, newer):
                await tx.declarations.declare(declaration, at=self.clock.now())

    def upload(self, image: Image, *, attempt: int = 1, content: bytes = FILE) -> None:
        """Let the bytes of an upload be there."""
        self.objects.keep(keys.incoming_of(image, attempt), content)

    def queued(self) -> list[Job]:
        """Return the jobs in the queue, whatever their time."""
        return [job for job, _ in self.jobs.queued]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database, to be copied: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("database") / "empty.db"
    migrate(path)
    return path


@pytest.fixture
async def stage(tmp_path: Path, empty_database: Path) -> AsyncIterator[Stage]:
    """Everything that a step needs, empty. `avatar` is public, `passport` is protected and keeps no original.

    Of `portrait` a record has one, of `picture` at most three.
    """
    kinds = Kinds(
        [
            Kind("avatar", public=True, max_bytes=1000, variants={"thumb": cover(96, 96), "wide": fit(400)}),
            Kind(
                "passport",
                accept="jpeg png",
                keep_original=False,
                variants={"page": fit(800, formats="webp")},
                may_upload=lambda who, target: target is not None and who.id == target.id,
            ),
            Kind("portrait", public=True, one_per_record=True, variants={"thumb": cover(96, 96)}),
            Kind("reviewed", public=True, review="before", variants={"thumb": cover(96, 96)}),
            Kind("picture", at_most=3, variants={"thumb": cover(96, 96)}),
        ]
    )
    shutil.copy(empty_database, tmp_path / "records.db")
    jobs = RecordingJobs()
    async with open_records(tmp_path / "records.db", jobs) as records:
        yield Stage(records, jobs, kinds)


@pytest.fixture
async def world(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Nobody pulls the plug of these records: some thousand commits need not wait for the disk."""
    monkeypatch.setattr("safelight.adapters.records.engine.WRITER_PRAGMAS", (*WRITER_PRAGMAS, "synchronous=OFF"))
    path = shutil.copy(empty_database, tmp_path / "records.db")
    async with open_records(path, RecordingJobs()) as records:
        yield World(records)


@pytest.fixture
def parts(stage: Stage) -> Parts:
    """What the API is made from, over the stage."""
    metrics = PrometheusMetrics()
    return Parts(
        rules=Rules(
            stage.kinds,
            stage.policy,
            timedelta(minutes=15),
            min_free_bytes=0,
            owner_limits=OWNER_LIMITS,
            multipart_above=100_000_000,
        ),
        limits=Limits(
            max_upload_attempts=20,
            max_part_urls=10,
            max_body_bytes=64_000,
            max_page=200,
            max_wait=timedelta(0),
            events_ping=timedelta(seconds=15),
            events_max=timedelta(minutes=5),
            download_bucket=timedelta(minutes=5),
            lazy_wait=timedelta(seconds=10),
            max_urls=50,
            allowed_origins=("https://app.example",),
            idempotency_retention=timedelta(days=1),
        ),
        rates=Rates.of(MemoryRates(refused=metrics.refused), calls=100, bad_keys=10, shows=100, token_shows=100),
        links=stage.links,
        records=stage.records,
        objects=stage.objects,
        signer=stage.signer,
        signals=stage.signals,
        tokens=stage.tokens,
        seal=KeyringSeal(lambda: RING),
        audit=stage.audit,
        identities=None,
        clock=stage.clock,
        ids=stage.ids,
        metrics=metrics,
        exposition=metrics.exposition,
        ready=Readiness([database_answers(stage.records), store_answers(stage.objects, min_free_bytes=0)], stage.clock),
        told=True,
    )


@pytest.fixture
async def call(parts: Parts) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API, within this process."""
    app = with_request_id(cast("App", api(parts, version="1.2.3")), new_id=parts.ids.new)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)  # type: ignore[arg-type]  # the same ASGI, said otherwise
    hooks = {"response": [see_that_it_is_documented]}
    async with httpx.AsyncClient(transport=transport, base_url="https://api.example", event_hooks=hooks) as client:
        yield client


@pytest.fixture
async def api_key(stage: Stage) -> str:
    """An API key that may do everything."""
    return await keep_key(stage, key_id=ApiKeyId("e" * 32))
