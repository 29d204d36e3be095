"""A crowd: by chance and all at once it does whatever changes records, to a few of them and for a few owners."""

import hashlib
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from safelight.adapters.disk.signer import DiskSigner
from safelight.adapters.metrics import PrometheusMetrics
from safelight.adapters.records.outbox import Outboxes
from safelight.adapters.records.store import Database, SqlRecords
from safelight.adapters.records.transaction import SqlTransaction
from safelight.deeds.permit import Transport
from safelight.domain import keys
from safelight.domain.answer import Question
from safelight.domain.errors import Busy, ImageRejected, Reason, RenderingFailed, SafelightError, StorageFailed
from safelight.domain.events import Origin
from safelight.domain.formats import InputFormat
from safelight.domain.geometry import Size, plan
from safelight.domain.image import Attachment, Image, Look, State
from safelight.domain.jobs import Chore, Job, RenderVariant
from safelight.domain.kind import Kind, Kinds
from safelight.domain.owner import OwnerLimits
from safelight.domain.retry import Backoff
from safelight.domain.tokens import Keyring, Tokens
from safelight.domain.urls import Links
from safelight.domain.variant import cover, fit
from safelight.domain.who import Role, Scope, Who
from safelight.journey.announce import Persistence
from safelight.journey.attach import Wanted, attach_image
from safelight.journey.confirm import confirm_upload
from safelight.journey.finalize import Retries
from safelight.journey.request import Rules, UploadRequest, request_upload
from safelight.journey.resign import resign_upload
from safelight.ports.renderer import Inspected, Part, Recipe, Rendered
from safelight.ports.snapshot import ImageFilter
from safelight.testing.fakes import (
    CountingIds,
    FrozenClock,
    RecordingNotifier,
    RecordingSignals,
    RulesAtOnce,
    ScriptedScanner,
)
from safelight.testing.memory_store import MemoryObjectStore
from safelight.upkeep.delete import delete_image
from safelight.upkeep.delete_record import delete_record
from safelight.upkeep.erase import erase_owner
from safelight.upkeep.forget import forget_records
from safelight.upkeep.give_token import give_read_token
from safelight.upkeep.owed import owe_reprocess
from safelight.upkeep.owners import block_owner, unblock_owner
from safelight.upkeep.reconcile import reconcile
from safelight.upkeep.reprocess import Which, reprocess_image
from safelight.upkeep.retry import retry_image
from safelight.upkeep.review import Review, Verdict, review_image
from safelight.upkeep.revoke_tokens import revoke_tokens
from safelight.upkeep.sweep import sweep_orphans
from safelight.upkeep.visibility import set_visibility
from safelight.worker.handlers import Handlers, WorkerParts

FILE = b"the bytes of a file"
AT_ONCE = timedelta(0)
A_WHILE = timedelta(minutes=5)
VARIANTS = {"thumb": cover(96, 96, formats="webp"), "zoom": fit(700, formats="webp", lazy=True)}
KINDS = Kinds([
    Kind("portrait", one_per_record=True, variants=VARIANTS),
    Kind("picture", at_most=5, variants=VARIANTS),
    Kind("proof", one_per_record=True, public=True, review="before", variants=VARIANTS),
])  # fmt: skip
RECORDS = [Attachment("post", str(number)) for number in range(3)]
OWNERS = ["anna", "bert", "carl", "dora"]
PLENTY = OwnerLimits(requests_per_minute=10_000, open_uploads=10_000, images=10_000, bytes=10**12)
APPLICATION = Origin(Who(Role.APPLICATION, scopes=frozenset(Scope)))
SOONER = Backoff(AT_ONCE, AT_ONCE, lambda: 0.0)

Deed = Callable[[], Awaitable[object]]


class Ticking(FrozenClock):
    """A clock that goes on by a millisecond whenever somebody looks at it."""

    def now(self) -> datetime:
        """Return a moment that nobody else was told."""
        return self.advance(timedelta(milliseconds=1))


class NotingRecords(SqlRecords):
    """Records that note in `mistakes` what keeps a transaction from its end although nothing is wrong with it."""

    mistakes: list[Exception]

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlTransaction]:
        """See `SqlRecords.transaction`."""
        try:
            async with super().transaction() as tx:
                yield tx
        except (Busy, StorageFailed) as error:
            self.mistakes.append(error)
            raise


class RendererByChance:
    """ports.renderer.Renderer: now and then a file is spoilt, or the sandbox breaks."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    async def render(self, source: AsyncIterator[bytes], recipe: Recipe) -> AsyncGenerator[Part, None]:
        """Yield what an image of 800 by 600 pixels has."""
        file = b"".join([piece async for piece in source])
        yield Inspected(InputFormat.JPEG, 800, 600, 1, len(file), hashlib.sha256(file).hexdigest())
        yield Look("3OcRJYB4d3h", "#7a5b3c")
        for one in plan(recipe.variants, Size(800, 600)):
            yield Rendered(one.variant, one.format, one.size.width, one.size.height, b"a small picture")
        for error in self._chance.choices([None, ImageRejected(Reason.DAMAGED), RenderingFailed("broken")], [6, 1, 3]):
            if error is not None:
                raise error


class Crowd:
    """What it does, each deed by chance to one of a few. `mistakes` are what should never come of it."""

    def __init__(self, database: Database, jobs: Outboxes, clock: Ticking, seed: int) -> None:
        self.mistakes: list[Exception] = []
        self._records = NotingRecords(database, outbox=jobs)
        self._records.mistakes = self.mistakes
        self._chance = random.Random(seed)
        self._clock, self._ids, self._signals = clock, CountingIds(), RecordingSignals()
        self._objects = MemoryObjectStore(now=self._clock.now)
        self._tokens = Tokens(lambda: Keyring({"a": b"a" * 32}, "a"))
        self._signer = DiskSigner(self._tokens, uploads_url="https://up.example", delivery_url="https://cdn.example")
        self._renderer = RendererByChance(self._chance)
        self._noted = {"records": self._records, "clock": self._clock}
        self._told = {**self._noted, "signals": self._signals, "ids": self._ids, "told": True}
        self._stored = {**self._noted, "signals": self._signals, "objects": self._objects}
        self._handlers = Handlers(self._worker())

    def _worker(self) -> WorkerParts:
        return WorkerParts(
            kinds=KINDS,
            records=self._records,
            objects=self._objects,
            scanner=ScriptedScanner(),
            renderer=self._renderer,
            notifier=RecordingNotifier(),
            signals=self._signals,
            links=Links("https://api.example", self._signer.public_url),
            clock=self._clock,
            ids=self._ids,
            metrics=PrometheusMetrics(),
            lease=A_WHILE,
            retries=Retries(2, SOONER),
            persistence=Persistence(A_WHILE, SOONER, AT_ONCE),
            purge_grace=AT_ONCE,
            accept_unscanned=False,
            chores={Chore.RECONCILE: self.reconcile},
        )

    def deeds(self, number: int) -> Sequence[Deed]:
        """Return so many, in an order by chance; some sorts are more frequent than others."""
        sorts = {
            self.upload: 40, self.attach: 40, self.review: 16, self.confirm: 4, self.resign: 4, self.delete: 6,
            self.delete_record: 3, self.erase: 2, self.block: 2, self.unblock: 8, self.recount: 3, self.switch: 8,
            self.zoom: 6, self.reprocess: 8, self.owe: 6, self.retry: 8, self.tokens: 3, self.answer: 6,
            self.reconcile: 6, self.forget: 3, self.sweep: 3,
        }  # fmt: skip
        return self._chance.choices(list(sorts), list(sorts.values()), k=number)

    async def work(self, job: Job) -> None:
        """Do what a worker does with a job."""
        await self.dare(partial(self._handlers, job))

    async def dare(self, deed: Deed) -> None:
        """Do it. To be refused is no mistake: another may have been faster."""
        try:
            await deed()
        except SafelightError:
            pass
        except Exception as error:  # noqa: BLE001 - the test tells of it
            self.mistakes.append(error)

    async def upload(self) -> None:
        """Request an image, mostly at a record, upload it, and mostly confirm that; its URL ends at once."""
        wanted = UploadRequest(self._kind().name, "me.jpg", "image/jpeg", len(FILE))
        target = self._chance.choice([*RECORDS, None])
        rules = Rules(KINDS, RulesAtOnce(), AT_ONCE, 0, PLENTY, multipart_above=1000)
        origin = Origin(replace(APPLICATION.who, id=self._chance.choice(OWNERS)))
        made = await request_upload(
            replace(wanted, attach=target), origin, rules=rules, signer=self._signer, objects=self._objects,
            ids=self._ids, **self._noted,
        )  # fmt: skip
        if self._chance.random() < 0.8:
            self._objects.keep(keys.incoming_of(made.image, 1), FILE)
            await confirm_upload(made.image, self._as_owner(made.image), **self._stored)

    async def confirm(self) -> None:
        """Confirm what may not have been uploaded."""
        if image := await self._one(State.REQUESTED):
            await confirm_upload(image, self._as_owner(image), **self._stored)

    async def resign(self) -> None:
        """Have a second upload signed."""
        if image := await self._one(State.REQUESTED):
            how = Transport(None, multipart_above=1000)
            await resign_upload(
                image, self._as_owner(image), objects=self._objects, signer=self._signer, ttl=AT_ONCE,
                max_attempts=3, transport=how, **self._noted,
            )  # fmt: skip

    async def attach(self) -> None:
        """Attach an image to a record, from wherever it is."""
        kind = self._kind()
        if image := await self._one(kind=kind.name):
            position = self._chance.choice([0, 1, None])
            wanted = Wanted(self._chance.choice(RECORDS), kind, position)
            await attach_image(
                image.id, wanted, self._chance.choice([APPLICATION, self._as_owner(image)]), **self._told
            )

    async def review(self) -> None:
        """Say what becomes of a held image."""
        if image := await self._one(State.HELD):
            verdict = self._chance.choice([Verdict.APPROVE, Verdict.APPROVE, Verdict.REJECT])
            review = Review(verdict, APPLICATION, public=True, one_per_record=True)
            await review_image(image, review, objects=self._objects, **self._told)

    async def delete(self) -> None:
        """Delete an image, or cancel its upload."""
        if image := await self._one():
            origin = self._chance.choice([APPLICATION, self._as_owner(image)])
            await delete_image(image, origin, spares_final=origin is not APPLICATION, **self._told)

    async def delete_record(self) -> None:
        """Delete all that is at a record."""
        await delete_record(self._chance.choice(RECORDS), APPLICATION, batch=3, **self._told)

    async def erase(self) -> None:
        """Erase an owner."""
        await erase_owner(self._chance.choice(OWNERS), APPLICATION, batch=3, **self._told)

    async def block(self) -> None:
        """Block an owner."""
        await block_owner(self._chance.choice(OWNERS), APPLICATION, **self._noted)

    async def unblock(self) -> None:
        """End the block of an owner."""
        await unblock_owner(self._chance.choice(OWNERS), APPLICATION, **self._noted)

    async def recount(self) -> None:
        """Count anew what an owner uses."""
        async with self._records.transaction() as tx:
            await tx.owners.recount(self._chance.choice(OWNERS))

    async def switch(self) -> None:
        """Make a ready image public, or protected."""
        if image := await self._one(State.READY):
            await set_visibility(image, APPLICATION, public=not image.public, **self._stored)

    async def zoom(self) -> None:
        """Ask for a lazy variant."""
        if image := await self._one(State.READY):
            async with self._records.transaction() as tx:
                await tx.enqueue(RenderVariant(image.id, "zoom"))

    async def reprocess(self) -> None:
        """Render an image again."""
        if image := await self._one(State.READY):
            kind = KINDS[image.kind]
            await reprocess_image(image, Which.ALL, kind=kind, renderer=self._renderer, **self._stored)

    async def owe(self) -> None:
        """Have an image rendered again by a worker."""
        if image := await self._one(State.READY):
            await owe_reprocess(image, APPLICATION, **self._noted)

    async def retry(self) -> None:
        """Send a failed image round again."""
        if image := await self._one(State.FAILED):
            await retry_image(image.id, APPLICATION, signals=self._signals, **self._noted)

    async def tokens(self) -> None:
        """Give the token of an image again, or revoke all."""
        if image := await self._one():
            await give_read_token(image, APPLICATION, tokens=self._tokens, **self._noted)
            await revoke_tokens(image, APPLICATION, **self._noted)

    async def answer(self) -> None:
        """Claim one of a few questions, and keep the answer or let go."""
        now = self._clock.now()
        question = Question(f"user:{self._chance.choice(OWNERS)}", str(self._chance.randrange(3)), "d" * 64)
        async with self._records.transaction() as tx:
            kept = await tx.answers.claim(question, now=now, until=now + A_WHILE, expires_at=now + A_WHILE)
        if kept is None:
            async with self._records.transaction() as tx:
                settle = self._chance.choice([partial(tx.answers.keep, sealed=b"sealed"), tx.answers.drop])
                await settle(question, claimed_until=now + A_WHILE)

    async def reconcile(self) -> None:
        """Look for what was lost; expire what never came."""
        await reconcile(grace=AT_ONCE, limit=100, **self._stored)

    async def forget(self) -> None:
        """Forget what is over."""
        await forget_records(record_retention=AT_ONCE, audit_retention=AT_ONCE, batch=5, **self._noted)

    async def sweep(self) -> None:
        """Remove what no record asks for."""
        await sweep_orphans(objects=self._objects, grace=AT_ONCE, batch=20, **self._noted)

    def _kind(self) -> Kind:
        return self._chance.choice(list(KINDS.values()))

    def _as_owner(self, image: Image) -> Origin:
        return Origin(Who(Role.USER, image.owner))

    async def _one(self, state: State | None = None, kind: str | None = None) -> Image | None:
        async with self._records.glance() as snapshot:
            some = await snapshot.page(ImageFilter(kind=kind, state=state), after=None, limit=20)
        return self._chance.choice(some) if some else None
