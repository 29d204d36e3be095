"""The count finds what is wrong: each fault, where there is one, and none where all is well."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from chaos.books import Books, DeliveryRow, ImageRow
from chaos.clients import Entry
from chaos.count import Outside, count
from chaos.pictures import Picture
from safelight.domain.image import ImageId, Rendition, State
from safelight.testing.fakes import NOW
from safelight.testing.receiver import Receiver

ID = f"{1:032x}"
OTHER = f"{2:032x}"
IMAGE = ImageRow(
    id=ID,
    kind="photo",
    state=State.READY,
    public=True,
    owner="user-1",
    attached_id=None,
    declared_bytes=10,
    renditions_expected=1,
    original_kept=True,
    ending_code=None,
    ready_at=NOW,
    purged_at=None,
    clear_due_at=None,
    reprocess_wanted_at=None,
    attempt=1,
)
SHOWN = f"public/{ID}/thumb-0123456789abcdef-96.webp"
DELIVERY = DeliveryRow(f"{9:032x}", ID, "image.ready", NOW, None)
BOOKS = Books(
    images={ID: IMAGE},
    renditions=[Rendition(ImageId(ID), "thumb", "0123456789abcdef", "webp", 96, 96, 100)],
    deliveries=[DELIVERY],
    owners={"user-1": (1, 10, 0)},
    claims=0,
    jobs=[],
    ready_events={ID: 1},
    objects=frozenset({SHOWN, f"private/{ID}/original"}),
    unfinished=0,
)


def entry(*, is_image: bool = True) -> Entry:
    return Entry(1, "photo", Picture(b"", is_image=is_image), image_id=ID, confirmed=True)


def message(event: str, image_id: str = ID, webhook_id: str = "1") -> tuple[dict[str, str], bytes]:
    body = {"type": event, "data": {"id": image_id, "filename": "p.jpg"}}
    return {"webhook-id": webhook_id}, json.dumps(body).encode()


def outside(*entries: Entry, told: Sequence[tuple[dict[str, str], bytes]] = (), wrong: Sequence[str] = ()) -> Outside:
    receiver = Receiver(requests=[message("image.ready"), *told])
    return Outside(entries or (entry(),), receiver, wrong)


def ended(state: State) -> Callable[[Books], Books]:
    """Change the state of the one image."""
    return lambda books: replace(books, images={ID: replace(IMAGE, state=state)})


def test_where_all_is_well_nothing_is_found() -> None:
    counted = count(outside(), BOOKS)

    assert counted.is_clean, counted.faults
    assert (counted.figures["confirmed"], counted.figures["ready"]) == (1, 1)


WRITTEN_DOWN: dict[str, Callable[[Books], Books]] = {
    "lost: no record": lambda books: replace(books, images={}, renditions=[]),
    "lost: expired": ended(State.EXPIRED),
    "lost: deleted by nobody": ended(State.DELETED),
    "stuck: processing": ended(State.PROCESSING),
    "stuck: not purged": ended(State.REJECTED),
    "stuck: a job": lambda books: replace(books, jobs=["ProcessImage queued"]),
    "stuck: a claim": lambda books: replace(books, claims=1),
    "wrong verdict: a picture rejected": ended(State.REJECTED),
    "processed twice: two ends": lambda books: replace(books, ready_events={ID: 2}),
    "processed twice: two webhooks": lambda books: replace(books, deliveries=[DELIVERY, replace(DELIVERY, id=OTHER)]),
    "orphan objects: an upload": lambda books: replace(books, objects=books.objects | {f"incoming/20260101/{OTHER}.1"}),
    "orphan objects: a part of a file": lambda books: replace(books, unfinished=1),
    "orphan rows: no object": lambda books: replace(books, objects=books.objects - {SHOWN}),
    "orphan rows: no rendition": lambda books: replace(books, renditions=[]),
    "owners miscounted": lambda books: replace(books, owners={"user-1": (2, 20, 0)}),
    "unanswered webhooks: not sent": lambda books: replace(books, deliveries=[replace(DELIVERY, settled_at=None)]),
    "unanswered webhooks: given up": lambda books: replace(books, deliveries=[replace(DELIVERY, last_error="410")]),
}
"""What is wrong with the books, by the fault that it is."""

SEEN = {
    "wrong verdict: no picture, and ready": outside(entry(is_image=False)),
    "wrong picture": outside(wrong=[ID]),
    "processed twice: rejected as well": outside(told=[message("image.rejected", webhook_id="2")]),
    "processed twice: one webhook of two images": outside(told=[message("image.ready", OTHER)]),
    "processed twice: two images for one key": outside(replace(entry(), twins={ID, OTHER})),
    "unanswered webhooks: nobody was told": Outside([entry()], Receiver(), []),
    "lost: nothing at its record": outside(replace(entry(), record="7")),
}
"""What is wrong with what clients and the application saw, by the fault that it is."""


@pytest.mark.parametrize("what", WRITTEN_DOWN)
def test_what_is_written_down_wrongly_is_found(what: str) -> None:
    counted = count(outside(), WRITTEN_DOWN[what](BOOKS))

    assert counted.faults[what.partition(":")[0]]
    assert not counted.is_clean


@pytest.mark.parametrize("what", SEEN)
def test_what_clients_and_the_application_saw_wrongly_is_found(what: str) -> None:
    assert count(SEEN[what], BOOKS).faults[what.partition(":")[0]]


def test_an_image_that_its_client_deleted_is_not_lost() -> None:
    gone = replace(IMAGE, state=State.DELETED, purged_at=NOW, original_kept=False)
    books = replace(BOOKS, images={ID: gone}, renditions=[], objects=frozenset(), owners={"user-1": (0, 0, 0)})

    assert count(outside(replace(entry(), deleted=True)), books).is_clean
