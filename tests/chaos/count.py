"""The count: what became of everything that was confirmed, and whether all that is written down agrees."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from json import loads

from chaos.books import Books, ImageRow, wanted_objects
from chaos.clients import Entry
from safelight.domain import keys
from safelight.domain.image import BYTES_OWED, FINAL, HOLDING, State
from safelight.testing.receiver import Receiver

NEVER_CONFIRMED = frozenset({State.EXPIRED})
"""States in which an image that was confirmed cannot be."""

TOLD = {State.READY, State.REJECTED, State.FAILED}


@dataclass(frozen=True, slots=True)
class Outside:
    """What the clients and the application know."""

    ledger: Sequence[Entry]
    receiver: Receiver
    wrong_pictures: Sequence[str]
    """Images that show another one's picture."""


@dataclass(frozen=True, slots=True)
class Count:
    """What was counted: figures, and by the name of each fault what has it. Of faults there must be none."""

    figures: Mapping[str, int]
    faults: Mapping[str, Sequence[str]]

    @property
    def is_clean(self) -> bool:
        """Whether there is no fault at all."""
        return not any(self.faults.values())


def count(outside: Outside, books: Books) -> Count:
    """Count one cluster."""
    confirmed = [entry for entry in outside.ledger if entry.confirmed and entry.image_id]
    ends = Counter(books.images[one].state for entry in confirmed if (one := entry.image_id or "") in books.images)
    figures = {
        "uploads begun": len(outside.ledger),
        "confirmed": len(confirmed),
        **{state.value: ends[state] for state in (State.READY, State.REJECTED, State.FAILED, State.DELETED)},
        "taken by more than one worker": sum(image.attempt > 1 for image in books.images.values()),
        "webhooks received": len(outside.receiver.requests),
        "objects": len(books.objects),
        "expired": sum(image.state is State.EXPIRED for image in books.images.values()),
        "records that no client was told of": len(set(books.images) - _told_of(outside.ledger)),
    }
    faults: dict[str, Callable[[], Iterable[str]]] = {
        "lost": lambda: _lost(confirmed, books),
        "stuck": lambda: _stuck(books),
        "wrong verdict": lambda: _wrong_verdicts(confirmed, books),
        "processed twice": lambda: _twice(outside, books),
        "wrong picture": lambda: outside.wrong_pictures,
        "orphan objects": lambda: _orphan_objects(books),
        "orphan rows": lambda: _orphan_rows(books),
        "owners miscounted": lambda: _miscounted(books),
        "unanswered webhooks": lambda: _unanswered(outside, books),
    }
    return Count(figures, {name: sorted(found()) for name, found in faults.items()})


def _told_of(ledger: Sequence[Entry]) -> set[str]:
    return {entry.image_id for entry in ledger if entry.image_id} | {one for entry in ledger for one in entry.twins}


def _lost(confirmed: Sequence[Entry], books: Books) -> Iterator[str]:
    """Yield what was confirmed, and is not there: no record, or one that says it never came or was deleted."""
    for entry in confirmed:
        image = books.images.get(entry.image_id or "")
        if image is None:
            yield f"{entry.image_id} has no record"
        elif image.state in NEVER_CONFIRMED:
            yield f"{image.id} was confirmed and is {image.state}"
        elif image.state is State.DELETED and not (entry.deleted or entry.record):
            yield f"{image.id} was deleted, and nobody asked for that"
    yield from _empty_places(confirmed, books)


def _empty_places(confirmed: Sequence[Entry], books: Books) -> Iterator[str]:
    """Yield the records for which an image was confirmed that could be shown, and which have none, or several."""
    wanted = {entry.record for entry in confirmed if entry.record and entry.picture.is_image}
    there = Counter(image.attached_id for image in books.images.values() if image.state is State.READY)
    for record in wanted:
        if there[record] != 1:
            yield f"record {record} has {there[record]} images"


def _stuck(books: Books) -> Iterator[str]:
    for image in books.images.values():
        if image.state not in FINAL:
            yield f"{image.id} is {image.state}"
        elif image.state in BYTES_OWED and image.purged_at is None:
            yield f"{image.id} is {image.state}, and not purged"
        elif image.clear_due_at is not None or image.reprocess_wanted_at is not None:
            yield f"{image.id} is {image.state}, and owes something"
    yield from (f"job {job}" for job in books.jobs)
    if books.claims:
        yield f"{books.claims} claims of an Idempotency-Key"


def _wrong_verdicts(confirmed: Sequence[Entry], books: Books) -> Iterator[str]:
    """Yield images that were rejected, and what is no image and was not."""
    for entry in confirmed:
        image = books.images.get(entry.image_id or "")
        if image is not None and image.state in {State.READY, State.REJECTED}:
            right = State.READY if entry.picture.is_image else State.REJECTED
            if image.state is not right:
                yield f"{image.id} is {image.state} ({image.ending_code})"


def _twice(outside: Outside, books: Books) -> Iterator[str]:
    """Yield everything by which an application sees that something was done twice."""
    yield from (f"{image_id} became ready {times} times" for image_id, times in books.ready_events.items() if times > 1)
    owed = Counter((delivery.image_id, delivery.event) for delivery in books.deliveries)
    yield from (f"{image_id}: {times} webhooks {event}" for (image_id, event), times in owed.items() if times > 1)
    ids = defaultdict[str, set[tuple[str, str]]](set)
    news = defaultdict[str, set[str]](set)
    for headers, body in list(outside.receiver.requests):
        message = loads(body)
        ids[headers["webhook-id"]].add((message["type"], message["data"]["id"]))
        if message["type"] != "image.deleted":
            news[message["data"]["id"]].add(message["type"])
    yield from (f"webhook {webhook_id} told of {told}" for webhook_id, told in ids.items() if len(told) > 1)
    yield from (f"{image_id}: webhooks told of {told}" for image_id, told in news.items() if len(told) > 1)
    for entry in outside.ledger:
        if len(entry.twins) > 1:
            yield f"one Idempotency-Key made {len(entry.twins)} images: {entry.twins}"
        image = books.images.get(entry.image_id or "")
        if image is not None and entry.as_ready is not None and entry.as_ready.ready_at != image.ready_at:
            yield f"{image.id} was ready at {entry.as_ready.ready_at}, and then at {image.ready_at}"


def _orphan_objects(books: Books) -> Iterator[str]:
    failed = {image.id for image in books.images.values() if image.state is State.FAILED}
    yield from (key for key in books.objects - wanted_objects(books) if keys.image_of(key) not in failed)
    if books.unfinished:
        yield f"{books.unfinished} files that uploads did not finish"


def _orphan_rows(books: Books) -> Iterator[str]:
    """Yield rows that ask for an object that is not there, and images that lack renditions."""
    yield from (f"{key} is not there" for key in wanted_objects(books) - books.objects)
    rows = Counter[str](rendition.image_id for rendition in books.renditions)
    for image in books.images.values():
        if image.state is State.READY and rows[image.id] < (image.renditions_expected or 1):
            yield f"{image.id} has {rows[image.id]} of {image.renditions_expected} renditions"
        if image.purged_at is not None and rows[image.id]:
            yield f"{image.id} was purged, and has {rows[image.id]} renditions"


def _miscounted(books: Books) -> Iterator[str]:
    counted = defaultdict[str, list[ImageRow]](list)
    for image in books.images.values():
        if image.owner is not None and image.state in HOLDING:
            counted[image.owner].append(image)
    for owner, noted in books.owners.items():
        images = counted[owner]
        waiting = sum(image.state is State.REQUESTED for image in images)
        if noted != (len(images), sum(image.declared_bytes for image in images), waiting):
            yield f"{owner}: {noted} are noted, {len(images)} images counted"


def _unanswered(outside: Outside, books: Books) -> Iterator[str]:
    """Yield what the application was not told, or does not have."""
    for delivery in books.deliveries:
        if delivery.settled_at is None or delivery.last_error is not None:
            yield f"{delivery.id} {delivery.event} of {delivery.image_id}: {delivery.last_error}"
    heard = {loads(body)["data"]["id"] for _, body in list(outside.receiver.requests)}
    yield from (
        f"{image.id} is {image.state}, and nobody was told"
        for image in books.images.values()
        if image.state in TOLD and image.id not in heard
    )
