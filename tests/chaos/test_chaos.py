"""A short run of chaos. `make chaos` runs longer ones."""

import sys
from pathlib import Path

import pytest
from rich.console import Console

from chaos.report import as_table
from chaos.run import Plan, run
from safelight.testing.cluster import Size

SHORT = Plan(
    seconds=25,
    seed=4,
    uploads_per_second=1.0,
    pauses=(0.5, 2.0),
    lease_s=10,
    upload_ttl_s=12,
    settled_within_s=180,
    sizes={"s3": Size(apis=2, workers=2), "disk": Size(apis=1, workers=2, uploads=1)},
)


def test_nothing_is_lost_whatever_is_killed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []

    report = run(SHORT, tmp_path, told.append)

    with capsys.disabled():
        Console(file=sys.stdout, width=110, highlight=False).print("", as_table(report))
    assert report.is_clean, "\n".join(told)
    assert all(side.count.figures["ready"] for side in report.sides.values())
    assert any(side.count.figures["rejected"] for side in report.sides.values())
    assert report.recoveries.keys() > {"disk full", "worker stopped beyond its lease"}
