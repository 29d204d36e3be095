"""The projection of `benchmarks/capacity.py` is arithmetic, and says what ends first."""

from dataclasses import replace
from pathlib import Path

import pytest

from sizing.assumptions import SECONDS_A_MONTH, Limits, Load, Prices, Upkeep
from sizing.costs import AUDIT, Costs, StepCost, Stored, TableSize, less, times, typical
from sizing.findings import Findings, keep, kept
from sizing.page import BEGIN, END, tables, write
from sizing.probe import operations
from sizing.projection import Assumed, hosts, project, storage_price

REQUEST = StepCost("REQUEST", api_ms=2, postgres_ms=1, statements=4, commits=1, wal_bytes=1000)
PROCESS = StepCost(
    "PROCESS", worker_ms=10, sandbox_ms=90, postgres_ms=1, statements=16, commits=5, wal_bytes=9000, notices=2,
    s3={"GET": 1, "HEAD": 1, "PUT": 4},
)  # fmt: skip
COSTS = Costs(
    file="cat.jpg",
    file_bytes=1_000_000,
    steps=(REQUEST, PROCESS),
    shown=StepCost("show", api_ms=1),
    tables=(TableSize("image", 1, 400, 600), TableSize(AUDIT, 3, 450, 150)),
    event_bytes=200,
    stored=Stored(1_000_000, renditions=3, rendition_bytes=500_000),
    connections=15,
)
FOUND = Findings("2 x processor", "Postgres 15", [COSTS], [], 1e6, 900, 400, 3)
LOAD = Load(peak=2, busy=0.5, months=12, shows=0, host_vcpus=4)
ASSUMED = Assumed(Prices(), Limits(), LOAD, Upkeep())
A_SECOND = SECONDS_A_MONTH
"""Images a month of which one comes in a second."""


def test_hosts_follow_from_the_work_of_the_peak_second() -> None:
    projected = project(COSTS, 100 * A_SECOND, ASSUMED)

    assert projected.per_second == pytest.approx(100)
    assert projected.peak_per_second == pytest.approx(200)
    assert projected.api_cores == pytest.approx(0.8)
    assert projected.worker_cores == pytest.approx(40)
    assert projected.database_cores == pytest.approx(0.8)
    assert (projected.api_hosts, projected.worker_hosts) == (2, 10)


def test_one_host_may_always_be_lost() -> None:
    assert hosts(0.1, 8) == 2
    assert hosts(16.1, 8) == 3


def test_postgres_writes_what_the_steps_write() -> None:
    projected = project(COSTS, 100 * A_SECOND, ASSUMED)

    assert projected.statements_per_second == pytest.approx(4000)
    assert projected.commits_per_second == pytest.approx(1200)
    assert projected.wal_mb_s == pytest.approx(2)


def test_what_is_kept_grows_with_the_months() -> None:
    projected = project(COSTS, 1e6, ASSUMED)

    assert projected.rows_gb == pytest.approx(12 * 1.6)
    assert projected.stored_gb == pytest.approx(12 * 1500)
    assert projected.stored_objects == pytest.approx(12 * 4e6)


def test_every_show_costs_and_leaves_an_event() -> None:
    shown = replace(ASSUMED, load=replace(LOAD, shows=10))

    projected = project(COSTS, 100 * A_SECOND, shown)

    assert projected.api_cores == pytest.approx(0.8 + 4)
    assert project(COSTS, 1e6, shown).rows_gb == pytest.approx(12 * 3.6)


def test_money_is_counted_by_what_it_is_paid_for() -> None:
    money = project(COSTS, 1e6, ASSUMED).money

    assert money.requests == pytest.approx(4e6 * 0.005 / 1000 + 2e6 * 0.0004 / 1000)
    assert money.storage == pytest.approx(18_000 * 0.023)
    assert money.hosts == pytest.approx(4 * 4 * 0.0425 * 730)
    assert money.total == pytest.approx(money.hosts + money.database + money.requests + money.sweeps + money.storage)


def test_sweeps_list_what_is_new_and_a_part_of_the_rest() -> None:
    upkeep = Upkeep(sweep_every=3600, sweep_whole_every=36_000, young_hours=5)

    projected = project(COSTS, 730_000, replace(ASSUMED, upkeep=upkeep))

    a_sweep = (5 * 4000 + 12 * 730_000 * 4 / 10) / 1000
    assert projected.sweep_lists == pytest.approx(730 * a_sweep)
    assert projected.money.sweeps == pytest.approx(730 * a_sweep * 0.005 / 1000)


def test_much_storage_is_cheaper() -> None:
    assert storage_price(600_000, Prices()) == pytest.approx(500_000 * 0.023 + 100_000 * 0.021)


def test_what_is_nearest_to_its_end_is_the_bottleneck() -> None:
    limits = Limits(table_gb=1e9, list_ms=0, remove_ms=0, flush_ms=1e-9, wal_mb_s=1, connections=10**9)

    projected = project(COSTS, 100 * A_SECOND, replace(ASSUMED, limits=limits))

    assert projected.bottleneck.name == "WAL"
    assert projected.bottleneck.share == pytest.approx(2)
    assert projected.bottleneck.reached_at(projected.images) == pytest.approx(50 * A_SECOND)


def test_what_is_never_used_never_ends() -> None:
    limits = Limits(remove_ms=0)

    projected = project(COSTS, 1e6, replace(ASSUMED, limits=limits))

    end = next(end for end in projected.ends if end.name.startswith("removing"))
    assert end.reached_at(projected.images) == float("inf")


def test_of_steps_measured_together_one_can_be_taken_away() -> None:
    both = replace(PROCESS, name="CHECK", api_ms=3, worker_ms=9, s3={"GET": 1, "HEAD": 1, "PUT": 5})

    left = less(both, PROCESS)

    assert (left.name, left.api_ms, left.worker_ms, left.statements, left.s3) == ("CHECK", 3, 0, 0, {"PUT": 1})


def test_several_rounds_give_their_medians() -> None:
    rounds = [replace(PROCESS, worker_ms=value, s3={"PUT": value}) for value in (1, 9, 2)]

    assert (typical(rounds).worker_ms, typical(rounds).s3) == (2, {"PUT": 2})


def test_a_step_can_be_done_several_times() -> None:
    assert (times(PROCESS, 2).sandbox_ms, times(PROCESS, 2).s3["PUT"]) == (180, 8)


def test_requests_are_read_from_the_log_of_the_gateway() -> None:
    asked = ("PUT /b/private/1", "GET /b?list-type=2&prefix=public", "HEAD /b/private/1", "GET /b/private/1")
    lines = [f' 1 beast: 0x7f: ::1 - test [25/Nov/2026] "{one} HTTP/1.1" 200 9 - "x" - latency=0.1s' for one in asked]
    lines.append(" 1 ====== starting new request req=0x7f =====")

    assert operations("\n".join(lines)) == {"PUT": 1, "LIST": 1, "HEAD": 1, "GET": 1}


def test_findings_can_be_kept_for_other_prices(tmp_path: Path) -> None:
    keep(FOUND, tmp_path / "found.json")

    assert tables(kept(tmp_path / "found.json"), ASSUMED) == tables(FOUND, ASSUMED)


def test_the_tables_take_the_place_of_those_before(tmp_path: Path) -> None:
    page = tmp_path / "scaling.md"
    page.write_text(f"# Scaling\n\n{BEGIN}\nold\n{END}\n\nAdvice.\n")

    write(page, "new\n")

    assert page.read_text() == f"# Scaling\n\n{BEGIN}\n\nnew\n\n{END}\n\nAdvice.\n"
