"""Where each kind of job stands, and how a job is written down.

Jobs stand in lanes, so that webhooks and purges never wait behind many renderings; within a lane, new images come
before old ones that are rendered again.
"""

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from types import MappingProxyType

from safelight.domain.jobs import ClearSide, Job, ProcessImage, PurgeImage, RenderVariant, ReprocessImage, SendWebhook


@dataclass(frozen=True, slots=True)
class Lane:
    """One line of jobs. `concurrency`: how many of it run at once; None where the caller of `run` says so."""

    name: str
    concurrency: int | None


RENDERING = Lane("rendering", None)
PURGING = Lane("purging", 4)
WEBHOOKS = Lane("webhooks", 16)
LANES = (RENDERING, PURGING, WEBHOOKS)

PLACES: Mapping[type[Job], tuple[Lane, int]] = MappingProxyType(
    {
        RenderVariant: (RENDERING, 2),  # a reader waits
        ProcessImage: (RENDERING, 1),
        ReprocessImage: (RENDERING, 0),
        PurgeImage: (PURGING, 0),
        ClearSide: (PURGING, 0),
        SendWebhook: (WEBHOOKS, 0),
    }
)
"""Where each kind of job stands: its lane, and its priority there; higher ones run first."""

KINDS: Mapping[str, Callable[..., Job]] = MappingProxyType({kind.__name__: kind for kind in PLACES})
"""Makes a job again from its name and what it is about."""


def name_of(job: Job) -> str:
    """Return what a job is and what it is about, in one line."""
    return " ".join((type(job).__name__, *astuple(job)))


def job_named(name: str) -> Job:
    """Return the job of that name."""
    kind, *about = name.split(" ")
    return KINDS[kind](*about)
