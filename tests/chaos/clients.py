"""The clients: applications and browsers that upload, each in a way of its own, and come back when something fails."""

import itertools
import random
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import httpx

from chaos.pictures import Picture, Pictures
from chaos.sights import Sights, Watched
from credentials import bearer
from safelight.testing.cluster import Cluster
from safelight_client import Client, Image, Retry
from safelight_client.errors import ImageGone, ImageNotFound, ImageRejected
from safelight_client.ticket import SignedUpload, Ticket

OWNERS = 6
PERSISTENT = Retry(tries=9, base=0.3, longest=60.0)
"""More than a minute: so long a call that was killed keeps others with its Idempotency-Key waiting."""

CALL_WITHIN_S = 10.0
WAIT_AT_MOST_S = 90.0
WRITTEN = 412
FORBIDDEN = 403
CONFLICT = 409
CREATED = 201
FIRST_SERVER_ERROR = 500


@dataclass
class Entry:
    """One image, as its client knows it."""

    number: int
    kind: str
    picture: Picture
    image_id: str | None = None
    read_token: str | None = None
    confirmed: bool = False
    deleted: bool = False
    """Whether it was asked to be deleted: then it may be gone."""
    record: str | None = None
    """The record that it was attached to, where only one stays."""
    as_ready: Image | None = None
    """What was said of it when it was first seen to be ready."""
    twins: set[str] = field(default_factory=set)
    """The ids that were given for one and the same Idempotency-Key."""


class Clients:
    """Uploads at a steady rate until told to stop. `ledger` has every image, and `given_up` what came to no end."""

    def __init__(self, cluster: Cluster, sights: Sights, chance: random.Random, *, per_second: float) -> None:
        self.ledger: list[Entry] = []
        self.given_up: list[str] = []
        self._url = cluster.url
        self._chance = chance
        self._pause_s = 1 / per_second
        self._pictures = Pictures()
        self._client = Client(
            cluster.url, api_key=cluster.key, timeout=CALL_WITHIN_S, retry=PERSISTENT,
            transport=Watched(sights, cluster.url),
        )  # fmt: skip
        self._http = httpx.Client(timeout=CALL_WITHIN_S, transport=Watched(sights, cluster.url))
        self._bearer = bearer(cluster.key)
        self._numbers = itertools.count()
        self._stop = threading.Event()
        self._threads = ThreadPoolExecutor(64, thread_name_prefix="client")

    def run(self) -> None:
        """Begin one upload after another until `stop`, and return once all that were begun have come to an end."""
        habits = self._habits()
        begin = time.monotonic()
        with self._threads:
            while not self._stop.wait(max(0.0, begin - time.monotonic())):
                begin += self._pause_s
                number = next(self._numbers)
                self._threads.submit(self._one, number, *self._chance.choices(*habits))
        self._client.close()
        self._http.close()

    def stop(self) -> None:
        """Begin nothing more."""
        self._stop.set()

    def _habits(self) -> tuple[Sequence[Callable[[Entry], None]], Sequence[int]]:
        habits = {
            self._upload: 40,
            self._wait: 12,
            self._sign_again: 8,
            self._confirm_twice: 8,
            self._delete: 8,
            self._ask_twice: 6,
            self._show_lazily: 5,
            self._reprocess: 5,
            self._go_away: 4,
            self._never_upload: 2,
            self._replace: 6,
        }
        return list(habits), list(habits.values())

    def _one(self, number: int, habit: Callable[[Entry], None]) -> None:
        kind = "portrait" if habit == self._replace else ("photo", "photo", "document")[number % 3]
        entry = Entry(number, kind, self._pictures.make(number))
        self.ledger.append(entry)
        try:
            habit(entry)
        except ImageRejected:
            pass  # an end as good as any: whether it is the right one is seen later
        except (ImageGone, ImageNotFound):
            if not (entry.deleted or entry.record):
                self.given_up.append(f"{habit.__name__} {entry.image_id}: gone")
        except Exception as error:  # noqa: BLE001 - a client that gives up; the report tells why
            self.given_up.append(f"{habit.__name__} {entry.image_id}: {error!r}")

    # Habits

    def _upload(self, entry: Entry) -> None:
        self._send(self._request(entry).upload, entry)
        self._confirm(entry)

    def _wait(self, entry: Entry) -> None:
        self._upload(entry)
        self._see_ready(entry)

    def _sign_again(self, entry: Entry) -> None:
        ticket = self._request(entry)
        if entry.number % 2:
            self._send(ticket.upload, entry)
        self._send(self._client.resign(ticket.id), entry)
        self._confirm(entry)

    def _confirm_twice(self, entry: Entry) -> None:
        self._send(self._request(entry).upload, entry)
        with ThreadPoolExecutor(2) as two:
            list(two.map(self._confirm, [entry, entry]))

    def _delete(self, entry: Entry) -> None:
        self._upload(entry)
        time.sleep(entry.number % 10 / 8)
        entry.deleted = True
        self._client.delete(_known(entry))

    def _ask_twice(self, entry: Entry) -> None:
        """Ask with one Idempotency-Key, at two hosts at the same time: as a proxy does that tries again too soon."""
        key = uuid.uuid4().hex
        with ThreadPoolExecutor(2) as two:
            answers = [*two.map(partial(self._ask_raw, entry), [key, key])]
        entry.twins = {answer.json()["id"] for answer in answers}
        ticket = Ticket.parse(answers[0].json())
        entry.image_id, entry.read_token = ticket.id, ticket.read_token
        self._send(ticket.upload, entry)
        self._confirm(entry)

    def _show_lazily(self, entry: Entry) -> None:
        self._wait(entry)
        if entry.kind == "photo":
            self._client.download(_known(entry), "print")

    def _reprocess(self, entry: Entry) -> None:
        self._wait(entry)
        url = f"{self._url}/v1/images/{entry.image_id}/reprocess"
        answer = self._insist(partial(self._http.post, url, headers=self._bearer))
        assert answer.is_success, answer.text

    def _go_away(self, entry: Entry) -> None:
        """Upload, and never confirm."""
        self._send(self._request(entry).upload, entry)

    def _never_upload(self, entry: Entry) -> None:
        self._request(entry)

    def _replace(self, entry: Entry) -> None:
        entry.record = str(entry.number % OWNERS)
        self._upload(entry)

    # Steps

    def _request(self, entry: Entry) -> Ticket:
        ticket = self._client.request(
            kind=entry.kind,
            filename=_filename(entry),
            size=len(entry.picture.content),
            owner=_owner(entry),
            attach=("user", entry.record) if entry.record else None,
        )
        entry.image_id, entry.read_token = ticket.id, ticket.read_token
        return ticket

    def _ask_raw(self, entry: Entry, key: str) -> httpx.Response:
        order = {
            "kind": entry.kind,
            "filename": _filename(entry),
            "size": len(entry.picture.content),
            "content_type": "",
            "owner": _owner(entry),
        }
        headers = {**self._bearer, "Idempotency-Key": key}
        answer = self._insist(partial(self._http.post, f"{self._url}/v1/images", json=order, headers=headers))
        assert answer.status_code == CREATED, answer.text
        return answer

    def _send(self, upload: SignedUpload, entry: Entry) -> None:
        """UPLOAD. A repeated try that finds the file written is as good as the one whose answer was lost.

        A permission that ended while nobody answered is asked for anew.
        """
        answer = self._put(upload, entry)
        if answer.status_code == FORBIDDEN:
            answer = self._put(self._client.resign(_known(entry)), entry)
        if not answer.is_success and answer.status_code != WRITTEN:
            raise UploadRefused(f"{answer.status_code} {answer.text[:300]}")

    def _put(self, upload: SignedUpload, entry: Entry) -> httpx.Response:
        content, headers = entry.picture.content, dict(upload.headers)
        return self._insist(partial(self._http.request, upload.method, upload.url, content=content, headers=headers))

    def _confirm(self, entry: Entry) -> None:
        self._client.confirm(_known(entry))
        entry.confirmed = True

    def _see_ready(self, entry: Entry) -> None:
        entry.as_ready = self._client.wait(_known(entry), timeout=WAIT_AT_MOST_S)

    def _insist(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        """Send until there is an answer that waiting will not change."""
        answer = None
        for tries in range(PERSISTENT.tries):
            with suppress(httpx.TransportError):
                answer = send()
                if answer.status_code < FIRST_SERVER_ERROR and answer.status_code != CONFLICT:
                    return answer
            time.sleep(PERSISTENT.wait_s(tries + 1, 1.0))
        if answer is None:
            raise UploadRefused("no answer")
        return answer


class UploadRefused(Exception):
    """An upload, or another call, was answered no for good."""


def _known(entry: Entry) -> str:
    assert entry.image_id is not None
    return entry.image_id


def _owner(entry: Entry) -> str:
    return f"user-{entry.number % OWNERS}"


def _filename(entry: Entry) -> str:
    """Some are images that the receiver of webhooks does not want to hear of at first."""
    return f"fails-1-times-{entry.number}.jpg" if entry.number % 20 == 3 else f"p{entry.number}.jpg"
