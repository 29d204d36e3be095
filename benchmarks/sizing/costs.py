"""What was measured: the cost of each step, and what is left of an image when it is ready."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from statistics import median

AUDIT = "audit_event"


@dataclass(frozen=True, slots=True)
class StepCost:
    """What one step costs for one image: CPU milliseconds of each part, what Postgres did, what S3 was asked.

    `s3` counts requests by the names that S3 prices them under: PUT, COPY, LIST, GET, HEAD, DELETE.
    """

    name: str
    api_ms: float = 0.0
    worker_ms: float = 0.0
    sandbox_ms: float = 0.0
    postgres_ms: float = 0.0
    statements: float = 0.0
    commits: float = 0.0
    wal_bytes: float = 0.0
    notices: float = 0.0
    s3: Mapping[str, float] = field(default_factory=dict)


COUNTED = tuple(one.name for one in fields(StepCost) if one.name not in {"name", "s3"})
"""The costs that are plain numbers."""


def less(both: StepCost, one: StepCost) -> StepCost:
    """Return what is left of two steps that were measured together, without one of them."""
    left = {name: max(0.0, getattr(both, name) - getattr(one, name)) for name in COUNTED}
    s3 = {name: both.s3.get(name, 0.0) - one.s3.get(name, 0.0) for name in both.s3.keys() | one.s3.keys()}
    return replace(both, **left, s3={name: count for name, count in sorted(s3.items()) if count > 0})


def times(step: StepCost, count: float) -> StepCost:
    """Return the cost of a step that is done so often."""
    counted = {name: getattr(step, name) * count for name in COUNTED}
    return replace(step, **counted, s3={name: number * count for name, number in step.s3.items()})


def typical(rounds: Sequence[StepCost]) -> StepCost:
    """Return the medians of several rounds of one step."""
    counted = {name: median(getattr(step, name) for step in rounds) for name in COUNTED}
    names = sorted({name for step in rounds for name in step.s3})
    return replace(rounds[0], **counted, s3={name: median(step.s3.get(name, 0.0) for step in rounds) for name in names})


@dataclass(frozen=True, slots=True)
class TableSize:
    """What one table holds for one image, with its indexes."""

    name: str
    rows: float
    heap_bytes: float
    index_bytes: float

    @property
    def bytes(self) -> float:
        """Both together."""
        return self.heap_bytes + self.index_bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """What one ready image has in the bucket: the original, and what was made of it."""

    original_bytes: float
    renditions: float
    rendition_bytes: float

    @property
    def objects(self) -> float:
        """The original among them."""
        return self.renditions + 1

    @property
    def bytes(self) -> float:
        """All of them together."""
        return self.original_bytes + self.rendition_bytes


@dataclass(frozen=True, slots=True)
class Costs:
    """What one image costs: each step once, `shown` for each time that it is shown, and what stays of it.

    `event_bytes`: what one event of the audit log takes, such as the one that notes a show. `connections`: how many one
    process keeps to Postgres at the most.
    """

    file: str
    file_bytes: int
    steps: Sequence[StepCost]
    shown: StepCost
    tables: Sequence[TableSize]
    event_bytes: float
    stored: Stored
    connections: int

    def in_all(self, shows: float) -> Sequence[StepCost]:
        """Return the costs of all steps, with so many shows."""
        return [*self.steps, times(self.shown, shows)]

    def total(self, what: str, shows: float) -> float:
        """Return the sum of one cost over the steps, with so many shows."""
        return sum(float(getattr(step, what)) for step in self.in_all(shows))

    def requests(self, *operations: str) -> float:
        """Return how many requests of these names S3 gets for one image."""
        return sum(step.s3.get(operation, 0.0) for step in self.steps for operation in operations)

    def with_shows(self, shows: float) -> Sequence[TableSize]:
        """Return what one image takes in each table, with the events of so many shows."""
        return [
            replace(table, rows=table.rows + shows, heap_bytes=table.heap_bytes + shows * self.event_bytes)
            if table.name == AUDIT
            else table
            for table in self.tables
        ]
