"""4 PROCESS: take an uploaded image, verify it, and store every rendition as soon as it is finished."""

import asyncio
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import timedelta

from safelight.deeds.declared import is_older
from safelight.deeds.give_back import give_back
from safelight.deeds.promise import as_promised
from safelight.domain import keys
from safelight.domain.declaration import Declaration
from safelight.domain.errors import Busy, ImageRejected, Ours, SafelightError, ScannerFailed, UnknownKind, WrongState
from safelight.domain.formats import CONTENT_TYPES
from safelight.domain.geometry import Size, plan
from safelight.domain.hooks import ClamAV, Scan
from safelight.domain.image import Image, ImageId, Look, State, Verified
from safelight.domain.kind import Kind, Kinds
from safelight.domain.outcome import Broken, Done, Outcome, Spoilt, Waits
from safelight.domain.retry import is_due
from safelight.domain.to_its_end import to_its_end
from safelight.ports.clock import Clock
from safelight.ports.object_store import ObjectStore, StoredObject
from safelight.ports.records import Records
from safelight.ports.renderer import Inspected, Recipe, Rendered, Renderer
from safelight.ports.scanner import Scanner
from safelight.ports.signals import Signals
from safelight.ports.snapshot import Snapshot

UPGRADED_WITHIN = timedelta(hours=1)
"""How long an image waits for a process with a newer kinds file than this one's, from its request on."""

KINDS_OLDER = "kinds_older"


@dataclass(frozen=True, slots=True)
class Terms:
    """How long one worker may have an image, and after how many an image is not given to another.

    `accept_unscanned`: whether a file goes on without its scan while its scanner gives no answer.
    """

    lease: timedelta
    max_attempts: int
    accept_unscanned: bool = False


async def process_image(  # noqa: PLR0913 - a step is told its whole world by name
    image_id: ImageId,
    *,
    kinds: Kinds,
    records: Records,
    objects: ObjectStore,
    scanner: Scanner,
    renderer: Renderer,
    signals: Signals,
    clock: Clock,
    terms: Terms,
) -> tuple[Image, Outcome] | None:
    """Return the image as it was taken and how its processing ended; None where there is nothing to do.

    It ends within the lease. Every write is fenced by the attempt: a worker that lost the image to
    another raises WrongState at its next write. Whatever else is raised is an outcome: the image would wait for the end
    of its lease. Cancelled, it gives the image back, as if it had not been taken. An image that so many workers took
    and never ended is not touched again: it may be what ended them.

    Where its kind has a scanner, that is asked for first: while it is down, the image is not even taken, and returned
    as it is. What was scanned is what is decoded. So it is for some time where this process has an older kinds file,
    and what it would leave out could not be made later.
    """
    async with records.glance() as snapshot:
        known = await snapshot.image(image_id)
        newer = await _newer(known.kind, kinds, snapshot)
    gate = _Gate(kinds[known.kind].scan if known.kind in kinds else None, scanner, accept=terms.accept_unscanned)
    if known.state is State.UPLOADED and (newer or gate.is_guarded):
        if not is_due(known.next_attempt_at, now=clock.now()):
            return None  # it waits already, and a job for then is queued
        if (waits := _for_a_newer_host(known, newer, clock) or await gate.see()) is not None:
            return known, waits
    taking = asyncio.ensure_future(_take(known, records, clock, terms.lease))
    try:
        image = await to_its_end(taking)
        if image is None:
            return None
        if known.state is State.PROCESSING and known.attempt >= terms.max_attempts:
            return image, Broken("worker_lost", f"{known.attempt} workers took the image and did not come to an end")
        return image, await _outcome(_Work(image, records, objects, signals, gate), image, kinds, renderer, terms.lease)
    except asyncio.CancelledError:
        await to_its_end(_hand_back(taking, records, signals))
        raise


async def _hand_back(taking: asyncio.Future[Image | None], records: Records, signals: Signals) -> None:
    """Let another worker take the image at once. Where that fails, it waits for the end of its lease."""
    image = None if taking.exception() else taking.result()
    if image is None:
        return
    with suppress(SafelightError):
        async with records.transaction() as tx:
            await give_back(image, tx)
        await signals.changed(image.id)


async def _outcome(work: "_Work", image: Image, kinds: Kinds, renderer: Renderer, lease: timedelta) -> Outcome:
    try:
        async with asyncio.timeout(lease.total_seconds()):
            return await work.render(kinds[image.kind], renderer)
    except WrongState:
        raise
    except ImageRejected as rejected:
        return Spoilt(rejected.reason, rejected.detail)
    except (Ours, UnknownKind) as error:
        return _our_fault(error)
    except TimeoutError:
        return _too_late(work, lease)
    except Exception as error:  # noqa: BLE001 - whoever runs this logs it whole; the image must not stay taken
        return Broken("internal_error", type(error).__name__, error)


def _our_fault(error: Ours | UnknownKind) -> Outcome:
    match error:
        case ScannerFailed(reason=reason):
            return Waits(error.code, reason)
        case Busy():  # the records had no turn for it, which says nothing of the image
            return Waits(error.code, str(error))
        case _:
            return Broken(error.code, str(error))


def _too_late(work: "_Work", lease: timedelta) -> Outcome:
    """Return whose fault it is: that a scanner is slow must fail no image."""
    if work.is_at_the_gate:
        return Waits(ScannerFailed.code, f"the scan took all of the {lease} that there are for an image")
    return Broken("processing_timeout", f"processing took longer than {lease}")


async def _newer(name: str, kinds: Kinds, snapshot: Snapshot) -> str:
    """Return why this process should not render images of a kind while another may; empty where there is no reason."""
    if name not in kinds:
        return "it does not declare the kind" if await snapshot.declared(name) is not None else ""
    if kinds[name].keep_original or not await is_older(Declaration.of(kinds[name]), snapshot):
        return ""
    return "it declares other variants, which could not be rendered later: the kind keeps no originals"


def _for_a_newer_host(known: Image, newer: str, clock: Clock) -> Waits | None:
    if newer and clock.now() < known.created_at + UPGRADED_WITHIN:
        return Waits(KINDS_OLDER, f"the kinds file of this process is older than another's: {newer}")
    return None


async def _take(known: Image, records: Records, clock: Clock, lease: timedelta) -> Image | None:
    """Take the image, if it waits for a worker or its last one is past its lease."""
    now = clock.now()
    abandoned = known.state is State.PROCESSING and known.lease_until is not None and known.lease_until <= now
    if not (known.state is State.UPLOADED or abandoned):
        return None
    async with records.transaction() as tx:
        return await tx.take(known, now=State.PROCESSING, lease_until=now + lease)


class _Gate:
    """What stands between a file and its rendering: the scanner that its kind declares, or nothing."""

    def __init__(self, scan: ClamAV | Scan | None, scanner: Scanner, *, accept: bool) -> None:
        self._scan = scan
        self._scanner = scanner
        self._accept = accept
        self._down: ScannerFailed | None = None

    @property
    def is_guarded(self) -> bool:
        """Whether there is a scanner."""
        return self._scan is not None

    async def see(self) -> Waits | None:
        """See whether the scanner is there; return why the image has to wait for it, or None."""
        if self._scan is not None:
            try:
                await self._scanner.see(self._scan)
            except ScannerFailed as down:
                self._down = down
                return None if self._accept else Waits(down.code, down.reason)
        return None

    async def let_in(self, stored: StoredObject, objects: ObjectStore) -> str:
        """Scan the file, and return why it goes on unscanned: empty where it was scanned, or need not be.

        Raises ImageRejected; ScannerFailed where nothing goes on unscanned; and what the object store raises.
        """
        if self._scan is None:
            return ""
        try:
            if self._down is not None:
                raise self._down
            await self._scanner.scan(self._scan, objects.get(stored.key, if_match=stored.etag))
        except ScannerFailed as failed:
            if not self._accept:
                raise
            return failed.reason
        return ""


class _Work:
    """One attempt at one image."""

    def __init__(self, image: Image, records: Records, objects: ObjectStore, signals: Signals, gate: _Gate) -> None:
        self._image = image
        self._records = records
        self._objects = objects
        self._signals = signals
        self._gate = gate
        self._stored = set[keys.Key]()
        self.is_at_the_gate = False
        """Whether the file is being scanned."""

    async def render(self, kind: Kind, renderer: Renderer) -> Done:
        """Have the file scanned, store what the renderer yields, then the original."""
        source = keys.incoming_of(self._image, self._image.upload_attempt)
        stored = await self._objects.head(source)
        self.is_at_the_gate = True
        unscanned = await self._gate.let_in(stored, self._objects)
        self.is_at_the_gate = False
        look = None
        pieces = as_promised(self._objects.get(source, if_match=stored.etag), self._image.checksum)
        rendering = renderer.render(pieces, Recipe.of(kind))
        async with aclosing(rendering) as parts:
            async for part in parts:
                match part:
                    case Inspected():
                        await self._note(part, kind)
                    case Look():
                        look = part
                    case Rendered():
                        await self._keep(part, kind)
                await self._signals.changed(self._image.id)
        if kind.keep_original:
            await self._objects.copy(source, keys.original(self._image.id), if_match=stored.etag)
        return Done(
            look,
            kind.keep_original,
            self._stored,
            unscanned,
            one_per_record=kind.one_per_record,
            declaration=Declaration.of(kind),
        )

    async def _note(self, inspected: Inspected, kind: Kind) -> None:
        expected = sum(1 for _ in plan(kind.eager, Size(inspected.width, inspected.height)))
        verified = Verified(
            content_type=CONTENT_TYPES[inspected.format],
            bytes=inspected.bytes,
            sha256=inspected.sha256,
            width=inspected.width,
            height=inspected.height,
            renditions_expected=expected,
        )
        async with self._records.transaction() as tx:
            await tx.note_verified(self._image.id, attempt=self._image.attempt, verified=verified, look=None)

    async def _keep(self, rendered: Rendered, kind: Kind) -> None:
        rendition = rendered.as_rendition(self._image.id, kind)
        key = keys.rendition(rendition, public=self._image.public)
        await self._objects.put(key, rendered.content, content_type=CONTENT_TYPES[rendered.format])
        async with self._records.transaction() as tx:
            await tx.add_rendition(rendition, attempt=self._image.attempt)
        self._stored.add(key)
