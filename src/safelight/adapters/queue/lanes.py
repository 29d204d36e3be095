"""Where each kind of job stands, and how a job is written down.

Jobs stand in lanes, so that webhooks and purges never wait behind many renderings; within a lane, new images come
before old ones that are rendered again.
"""

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from datetime import datetime
from types import MappingProxyType

from safelight.domain.jobs import (
    Chore,
    ClearSide,
    Job,
    ProcessImage,
    PurgeImage,
    RenderVariant,
    ReprocessImage,
    SendWebhook,
    Upkeep,
)
from safelight.ports.jobs import MOST_AHEAD


@dataclass(frozen=True, slots=True)
class Lane:
    """One line of jobs. `concurrency`: how many of it run at once; None where the caller of `run` says so."""

    name: str
    concurrency: int | None


RENDERING = Lane("rendering", None)
PURGING = Lane("purging", 4)
WEBHOOKS = Lane("webhooks", 16)
UPKEEP = Lane("upkeep", 3)
COUNTED = (RENDERING, PURGING, WEBHOOKS)
"""Lanes of which somebody asks how many wait: a round of upkeep always does."""

LANES = (*COUNTED, UPKEEP)

LATER = "later "
"""Before the name of a lane: where its jobs stand on Postgres until their time comes.

PgQueuer looks for the next job by priority, and would pass by all that are not due, at each look of every worker.
"""

TURNS = 16
"""Priorities between two kinds of job: for turns within a kind."""

PLACES: Mapping[type[Job], tuple[Lane, int]] = MappingProxyType(
    {
        RenderVariant: (RENDERING, 2 * TURNS),  # a reader waits
        ProcessImage: (RENDERING, TURNS),
        ReprocessImage: (RENDERING, 0),
        PurgeImage: (PURGING, 0),
        ClearSide: (PURGING, 0),
        SendWebhook: (WEBHOOKS, 0),
        Upkeep: (UPKEEP, 0),
    }
)
"""Where each kind of job stands: its lane, and its priority there; higher ones run first."""

HELD = (RenderVariant, PurgeImage, ClearSide)
"""Jobs that nothing but the queue stops, should they end every worker that begins them.

The records of all others count the tries as they begin, and end them; and upkeep comes round in any case.
"""

KINDS: Mapping[str, Callable[..., Job]] = MappingProxyType(
    {kind.__name__: kind for kind in PLACES} | {Upkeep.__name__: lambda chore: Upkeep(Chore(chore))}
)
"""Makes a job again from its name and what it is about."""


class UnknownJob(ValueError):
    """A job of a kind that this version does not have: a later one queued it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no kind of job is {name!r}")
        self.name = name


def name_of(job: Job) -> str:
    """Return what a job is and what it is about, in one line."""
    return " ".join((type(job).__name__, *astuple(job)))


def job_named(name: str) -> Job:
    """Return the job of that name. Raises UnknownJob."""
    kind, *about = name.split(" ")
    try:
        return KINDS[kind](*about)
    except (KeyError, TypeError, ValueError) as error:
        raise UnknownJob(name) from error


def priority(job: Job, behind: int) -> int:
    """Return a job's priority, behind so many others of its owner: one less with each doubling.

    So an owner's first images go with everybody's first, its next few with everybody's next, and its thousandth after
    all of those: nobody waits for another's import, and no priority has to be changed while the queue moves on.
    """
    _, highest = PLACES[type(job)]
    return highest - min(behind, MOST_AHEAD).bit_length()


def dedupe_key(job: Job, run_at: datetime | None) -> str:
    """Return what no two jobs have that are queued or running: one for later counts apart, but of upkeep."""
    name = name_of(job)
    return name if run_at is None or isinstance(job, Upkeep) else f"{name} at {run_at.isoformat()}"
