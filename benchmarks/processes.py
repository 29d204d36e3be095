"""What processes have used, from /proc (proc(5))."""

import os
from collections.abc import Iterator
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def descendants(pid: int) -> Iterator[int]:
    """Yield a process and all that it started, so far as they live."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from descendants(int(child))


def own_cpu_seconds(pid: int) -> float:
    """Return what a process has used with its threads (utime, stime)."""
    return _cpu_seconds(pid, 2)


def cpu_seconds(pid: int) -> float:
    """Return what a process, its children and those that ended have used (utime, stime, cutime, cstime)."""
    return sum(_cpu_seconds(one, 4) for one in descendants(pid))


def _cpu_seconds(pid: int, count: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11 : 11 + count]) / TICKS_PER_SECOND
