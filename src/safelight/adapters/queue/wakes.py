"""Tells PgQueuer's manager that something changed, and not more often than it can use."""

from collections.abc import Callable

from pgqueuer.domain.models import TableChangedEvent, utc_now

from safelight.adapters.queue.schema import SETTINGS


class Wakes:
    """Wakes PgQueuer's manager once for each time that it waits, and only then.

    PgQueuer tells of every change, and its manager keeps what it has not read yet: under load it would fall behind, a
    kilobyte for each job. Nothing is lost: a change that came after the last look at the queue wakes the manager as
    soon as it waits.
    """

    def __init__(self) -> None:
        self._callbacks: list[Callable[[str], None]] = []
        self._changed = False
        self._waits = False

    def add(self, callback: Callable[[str], None]) -> None:
        """Take the manager's ear."""
        self._callbacks.append(callback)

    def looks(self) -> None:
        """Hear that the manager looks at the queue now."""
        self._changed = self._waits = False

    def waits(self) -> None:
        """Hear that the manager is about to wait."""
        self._waits = True
        if self._changed:
            self.wake()

    def wake(self) -> None:
        """Let the manager look, as soon as it waits."""
        self._changed = True
        if self._waits:
            self._waits = False
            event = TableChangedEvent(
                channel=SETTINGS.channel,
                sent_at=utc_now(),
                type="table_changed_event",
                operation="insert",
                table=SETTINGS.queue_table,
            ).model_dump_json()
            for callback in self._callbacks:
                callback(event)
