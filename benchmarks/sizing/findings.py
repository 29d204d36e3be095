"""What one run of the benchmark found, and how it is kept: so that other prices and limits need no other run."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sizing.bulk import Changes
from sizing.costs import Costs


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that was measured. `counted_s`: images that Postgres counts in a second."""

    machine: str
    postgres: str
    costs: Sequence[Costs]
    changes: Sequence[Changes]
    counted_s: float
    commits_s: float
    notifying_s: float
    idle_statements_s: float


def this_machine() -> str:
    """Return what the figures were measured on."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = models[0].partition(":")[2].strip() if models else "processor"
    return f"{os.cpu_count()} x {model}"


def keep(found: Findings, path: Path) -> None:
    """Write what was found."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))


def kept(path: Path) -> Findings:
    """Read what was found before."""
    return msgspec.json.decode(path.read_bytes(), type=Findings)
