"""How jobs leave a transaction."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.domain.jobs import Job
from safelight.ports.jobs import Jobs


class Outbox(Protocol):
    """Takes the jobs of one transaction to the queue, only if it commits.

    A queue in the same database is written to within the transaction, by `enqueue`; any other after it, by `committed`.
    """

    async def enqueue(self, job: Job, *, run_at: datetime | None, behind: int) -> None:
        """Take a job."""
        ...

    async def committed(self) -> None:
        """Hear that the transaction is committed."""
        ...


Outboxes = Callable[[AsyncConnection], Outbox]
"""Makes the outbox of one transaction, given its connection."""


class AfterCommit:
    """Keeps jobs until the commit. Should the process die right then, reconcile finds them from the records."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._kept: list[tuple[Job, datetime | None, int]] = []

    async def enqueue(self, job: Job, *, run_at: datetime | None, behind: int) -> None:
        """Keep a job."""
        self._kept.append((job, run_at, behind))

    async def committed(self) -> None:
        """Hand all jobs to the queue."""
        for job, run_at, behind in self._kept:
            await self._jobs.enqueue(job, run_at=run_at, behind=behind)


def after_commit(jobs: Jobs) -> Outboxes:
    """Return what makes outboxes for a queue that is not in the database."""
    return lambda _connection: AfterCommit(jobs)
