"""The tables of the page, in Markdown, between two marks."""

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sizing.costs import Costs, StepCost
from sizing.findings import Findings
from sizing.projection import Assumed, End, Projection, project

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
SIZES = (1e6, 1e9)
NAMES = ("1 million a month", "1 billion a month")


def write(path: Path, tables: str) -> None:
    """Put the tables between the marks of a page, in place of those that are there."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n\n{tables}\n{END}{after}")


def tables(found: Findings, assumed: Assumed) -> str:
    """Return everything as Markdown."""
    costs = found.costs[-1]
    projected = [project(costs, images, assumed) for images in SIZES]
    parts = [
        f"Measured on {found.machine}, {found.postgres}, medians of several rounds.",
        *(part for one in found.costs for part in _steps(one)),
        *_rows(costs, found),
        *_needs(costs, projected, assumed),
        *_money(projected),
        *_ends(projected),
    ]
    return "\n\n".join(parts) + "\n"


def _steps(costs: Costs) -> Iterator[str]:
    stored = costs.stored
    yield (
        f"### One image: `{costs.file}`, {_bytes(costs.file_bytes)}\n\n"
        f"{stored.renditions:.0f} renditions of {_bytes(stored.rendition_bytes)} together. "
        "CPU in milliseconds, of the API, of the worker, of its sandbox and of Postgres."
    )
    rows = [_step(step) for step in costs.steps]
    rows.append(["**together**", *_step(_sum(costs))[1:]])
    rows.append(_step(costs.shown))
    yield _table(
        ["step", "API", "worker", "sandbox", "Postgres", "statements", "writing transactions", "WAL", "NOTIFY", "S3"],
        rows,
    )


def _step(step: StepCost) -> list[str]:
    return [
        step.name,
        *(_ms(value) for value in (step.api_ms, step.worker_ms, step.sandbox_ms, step.postgres_ms)),
        *(_number(value) for value in (step.statements, step.commits)),
        _bytes(step.wal_bytes) if step.wal_bytes >= 1 else "",
        _number(step.notices),
        ", ".join(f"{_number(count)} {name}" for name, count in step.s3.items()),
    ]


def _sum(costs: Costs) -> StepCost:
    names = {name for step in costs.steps for name in step.s3}
    counted = ("api_ms", "worker_ms", "sandbox_ms", "postgres_ms", "statements", "commits", "wal_bytes", "notices")
    return StepCost(
        "",
        **{name: costs.total(name, 0) for name in counted},
        s3={name: costs.requests(name) for name in sorted(names)},
    )


def _rows(costs: Costs, found: Findings) -> Iterator[str]:
    yield "### What an image leaves in Postgres"
    yield _table(
        ["table", "rows", "table", "indexes", "together"],
        [
            [f"`{one.name}`", _number(one.rows), _bytes(one.heap_bytes), _bytes(one.index_bytes), _bytes(one.bytes)]
            for one in costs.tables
        ],
    )
    yield f"Each show of a protected image adds one row to `audit_event`: {_bytes(costs.event_bytes)} with its indexes."
    yield _table(
        ["table", "inserts", "updates", "of which touch no index", "deletes"],
        [
            [f"`{one.table}`", *(_number(value) for value in (one.inserted, one.updated, one.hot, one.deleted))]
            for one in found.changes
            if one.inserted + one.updated + one.deleted > 0.5  # noqa: PLR2004 - for an image; the rest is of the start
        ],
    )
    yield (
        f"Eight connections committed {found.commits_s:,.0f} small transactions a second together, and "
        f"{found.notifying_s:,.0f} where each sent a NOTIFY. Postgres counted {found.counted_s:,.0f} images a second. "
        f"With nothing to do, one API and one worker ask {found.idle_statements_s * 60:,.0f} statements a minute."
    )


def _needs(costs: Costs, projected: Sequence[Projection], assumed: Assumed) -> Iterator[str]:
    load = assumed.load
    yield (
        f"### What it takes: `{costs.file}`\n\n"
        f"Peak {load.peak:g} times the average, processors {load.busy:.0%} busy at the peak, {load.shows:g} shows of "
        f"each image by our endpoint, hosts of {load.host_vcpus} vCPU, {load.months} months of images kept."
    )
    yield _table(
        ["", *NAMES],
        [
            ["images a second", *(_number(p.per_second) for p in projected)],
            ["images a second at the peak", *(_number(p.peak_per_second) for p in projected)],
            ["API hosts (cores)", *(f"{p.api_hosts:,} ({_number(p.api_cores)})" for p in projected)],
            ["worker hosts (cores)", *(f"{p.worker_hosts:,} ({_number(p.worker_cores)})" for p in projected)],
            ["cores of Postgres", *(_number(p.database_cores) for p in projected)],
            ["statements a second at the peak", *(_number(p.statements_per_second) for p in projected)],
            ["writing transactions a second at the peak", *(_number(p.commits_per_second) for p in projected)],
            ["WAL at the peak", *(f"{_bytes(p.wal_mb_s * 1e6)}/s" for p in projected)],
            [f"Postgres after {load.months} months", *(_bytes(p.rows_gb * 1e9) for p in projected)],
            [f"objects after {load.months} months", *(_number(p.stored_objects) for p in projected)],
            [f"bucket after {load.months} months", *(_bytes(p.stored_gb * 1e9) for p in projected)],
            ["S3 requests a month, priced as writes", *(_number(p.s3_writes) for p in projected)],
            ["S3 requests a month, priced as reads", *(_number(p.s3_reads) for p in projected)],
            ["LIST requests of the sweeps a month", *(_number(p.sweep_lists) for p in projected)],
            ["**bottleneck**", *(f"**{p.bottleneck.name}**: {_used(p.bottleneck)}" for p in projected)],
        ],
    )  # fmt: skip


def _money(projected: Sequence[Projection]) -> Iterator[str]:
    yield "### Dollars a month, in the last of them\n\nWhat leaves the cloud for readers is not in it."
    lines = ("hosts", "database", "requests", "sweeps", "storage", "total")
    yield _table(["", *NAMES], [[name, *(f"{getattr(p.money, name):,.0f}" for p in projected)] for name in lines])


def _ends(projected: Sequence[Projection]) -> Iterator[str]:
    yield "### What ends first"
    small, large = projected
    yield _table(
        ["", "of", *NAMES, "reached at, images a month"],
        [
            [
                end.name,
                f"{end.most:,g} {end.unit}",
                _share(_same(small, end)),
                _share(end),
                _number(end.reached_at(large.images)),
            ]
            for end in large.ends
        ],
    )  # fmt: skip


def _same(other: Projection, end: End) -> End:
    return next(one for one in other.ends if one.name == end.name)


def _used(end: End) -> str:
    return f"{_share(end)} of {end.most:,g} {end.unit}"


def _share(end: End) -> str:
    return f"{end.share:.1%}" if end.share < 0.1 else f"{end.share:,.0%}"  # noqa: PLR2004 - how many digits


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _ms(value: float) -> str:
    return "" if value < 0.05 else f"{value:,.1f}"  # noqa: PLR2004 - less than what is shown


def _number(value: float) -> str:
    """Return a number with two digits that count, or three."""
    if value < 0.05:  # noqa: PLR2004 - less than what is shown
        return ""
    for size, name in ((1e9, " billion"), (1e6, " million")):
        if value >= size:
            return f"{value / size:,.3g}{name}"
    digits = max(0, 1 - math.floor(math.log10(value)))
    return f"{value:,.{digits}f}"


def _bytes(value: float) -> str:
    for size, unit in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= size:
            return f"{value / size:,.3g} {unit}"
    return f"{value:,.0f} B"
