"""What was seen from outside while all went on: which calls came through and when, and what was answered."""

import threading
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from enum import StrEnum

import httpx

from safelight.testing.receiver import Receiver


class Service(StrEnum):
    """What an application notices."""

    CALL = "call"
    """The API answers, and has done what was asked."""
    UPLOAD = "upload"
    """Bytes are taken."""
    IMAGE = "image"
    """A webhook says that an image has come to its end."""


class Sights:
    """What was seen of one cluster. Threads share it."""

    def __init__(self) -> None:
        self.answers = Counter[int]()
        self.broken = Counter[str]()
        self._successes = defaultdict[Service, list[float]](list)
        self._lock = threading.Lock()

    def saw(self, service: Service) -> None:
        """Note that a service worked just now."""
        with self._lock:
            self._successes[service].append(time.monotonic())

    def answered(self, status: int) -> None:
        """Note the status of an answer."""
        with self._lock:
            self.answers[status] += 1

    def broke(self, how: str) -> None:
        """Note that no answer came."""
        with self._lock:
            self.broken[how] += 1

    def next_after(self, moment: float, service: Service) -> float | None:
        """Return when a service worked first after that moment, on the clock of `time.monotonic`."""
        with self._lock:
            times = self._successes[service]
            place = bisect_right(times, moment)
            return times[place] if place < len(times) else None


class Watched(httpx.BaseTransport):
    """The network, with an eye on what is answered. `api` is the address of the API."""

    def __init__(self, sights: Sights, api: str) -> None:
        self._network = httpx.HTTPTransport(limits=httpx.Limits(keepalive_expiry=2.0))
        self._sights = sights
        self._api = httpx.URL(api)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and note how it went."""
        try:
            response = self._network.handle_request(request)
        except httpx.TransportError as error:
            self._sights.broke(type(error).__name__)
            raise
        self._sights.answered(response.status_code)
        if response.is_success:
            called = request.url.netloc == self._api.netloc
            if called:
                self._sights.saw(Service.CALL)
            elif request.method in {"PUT", "POST"}:
                self._sights.saw(Service.UPLOAD)
        return response

    def close(self) -> None:
        """Close the connections."""
        self._network.close()


class WatchedReceiver(Receiver):
    """The application's end of the webhooks, with an eye on when they come."""

    def __init__(self, sights: Sights) -> None:
        super().__init__()
        self._sights = sights

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Keep a message and return what to answer."""
        self._sights.saw(Service.IMAGE)
        return super().take(headers, body)
