"""Takes note of decisions that change nothing: views and refusals. What changes a record is noted with the change."""

from typing import Protocol

from safelight.domain.events import AuditEvent


class Audit(Protocol):
    """The audit log, for what need not be durable at once."""

    def note(self, event: AuditEvent, *, once: bool = False) -> None:
        """Append an event, together with others, within about a second. Never waits, never fails.

        Where events come faster than they can be written, some are dropped and counted. With `once` an event is left
        out where one waits already that differs in nothing but its moment and its request: so a flood stays small.
        """
        ...
