"""What a run says at its end: a table, or JSON."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from chaos.count import Count

EXAMPLES = 5
"""So many of the things that are wrong are named."""


@dataclass(frozen=True, slots=True)
class Side:
    """One cluster: what was counted, and what its clients saw."""

    count: Count
    answers: Mapping[int, int]
    broken: Mapping[str, int]
    given_up: Sequence[str]


@dataclass(frozen=True, slots=True)
class Recovery:
    """The longest time, in seconds, from a kind of harm until what it kept from its users worked again."""

    times: int
    longest_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """One run. `disk` says how the disk was filled; `broken` what did not start again, or failed in the run itself."""

    seed: int
    seconds: float
    settled_after_s: float | None
    disk: str
    sides: Mapping[str, Side]
    recoveries: Mapping[str, Recovery]
    broken: Sequence[str]

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, orphaned or stuck, and nothing else wrong either."""
        return self.settled_after_s is not None and not self.broken and all(
            side.count.is_clean for side in self.sides.values()
        )  # fmt: skip


def as_json(report: Report) -> str:
    """Return the whole report, for programs."""
    return json.dumps({"clean": report.is_clean, **asdict(report)}, indent=2)


def as_table(report: Report) -> RenderableType:
    """Return the report for people."""
    settled = "never" if report.settled_after_s is None else f"{report.settled_after_s:.0f} s after the last harm"
    head = Text(f"{report.seconds:.0f} s of chaos, seed {report.seed}; disk filled by {report.disk}; settled {settled}")
    return Group(head, _counts(report), _recoveries(report), _wrong(report))


def _counts(report: Report) -> Table:
    table = Table("", *report.sides, title="What became of everything", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    sides = list(report.sides.values())
    for name in sides[0].count.figures:
        table.add_row(name, *(f"{side.count.figures[name]:,}" for side in sides))
    table.add_section()
    for name in sides[0].count.faults:
        found = [len(side.count.faults[name]) for side in sides]
        table.add_row(f"[bold]{name}", *(f"[{'bold red' if one else 'green'}]{one:,}" for one in found))
    table.add_section()
    for status in sorted({status for side in sides for status in side.answers if status >= 500}):
        table.add_row(f"answers {status}", *(f"{side.answers.get(status, 0):,}" for side in sides))
    table.add_row("answers in all", *(f"{sum(side.answers.values()):,}" for side in sides))
    table.add_row("no answer", *(f"{sum(side.broken.values()):,}" for side in sides))
    table.add_row("given up by clients", *(f"{len(side.given_up):,}" for side in sides))
    return table


def _recoveries(report: Report) -> Table:
    table = Table("What was done", "Times", "Longest until it worked again", title_justify="left")
    table.columns[1].justify = table.columns[2].justify = "right"
    for what, recovery in sorted(report.recoveries.items()):
        table.add_row(what, str(recovery.times), f"{recovery.longest_s:.1f} s")
    return table


def _wrong(report: Report) -> RenderableType:
    lines = [Text(f"broken: {what}", style="red") for what in report.broken]
    for name, side in report.sides.items():
        for fault, found in side.count.faults.items():
            lines += [Text(f"{name}, {fault}: {one}", style="red") for one in found[:EXAMPLES]]
        given_up = Counter(what[:120] for what in side.given_up)
        lines += [Text(f"{name}, given up: {what}") for what, _ in given_up.most_common(EXAMPLES)]
    return Group(*lines)
