"""What a child is locked into, as the kernel tells it."""

import json
import os
import resource
import signal
import subprocess
import sys
from typing import Any

import pytest

from safelight.sandbox import lock

PROGRAM = """
import ctypes, json, os, resource, sys
from safelight.sandbox import lock
from safelight.sandbox.protocol import Limits

answers = int(sys.argv[1])
complaints = os.memfd_create("complaints")
stray = [os.memfd_create("stray") for _ in range(20)]
lock.lock_zygote()
zygote = os.getpid()
if os.fork() == 0:
    lock.lock_child(Limits(3, 1 << 30, 1 << 20), parent=zygote, complaints=complaints, keep=[stray[7], answers])

    def is_open(file):
        try:
            return os.fstat(file) is not None
        except OSError:
            return False

    def opens(path):
        try:
            return os.open(path, os.O_RDONLY) >= 0
        except OSError:
            return False

    def asked(option):
        value = ctypes.c_int(-1)
        return max(lock._libc.prctl(option, ctypes.byref(value), 0, 0, 0), value.value)

    names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    os.write(2, b"complaint")
    os.write(answers, json.dumps({
        "open": [file for file in range(3, 500) if is_open(file)],
        "kept": sorted([stray[7], answers]),
        "opens": opens("/etc/hosts"),
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in names},
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "death_signal": asked(2),
        "dumpable": lock._libc.prctl(3, 0, 0, 0, 0),
        "no_new_privileges": lock._libc.prctl(39, 0, 0, 0, 0),
        "complaint": os.pread(2, 100, 0).decode(),
    }).encode())
    os._exit(0)
os.wait()
reaps = ctypes.c_int(-1)
lock._libc.prctl(37, ctypes.byref(reaps), 0, 0, 0)
print(open("/proc/self/oom_score_adj").read(), reaps.value)
"""


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    """What a locked child says of itself, and its zygote of its own fate."""
    ours, theirs = os.pipe()
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", PROGRAM, str(theirs)],
            pass_fds=[theirs],
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        )
        oom_score_adj, subreaper = map(int, done.stdout.split())
        return {**json.loads(os.read(ours, 1 << 16)), "oom_score_adj": oom_score_adj, "subreaper": subreaper}
    finally:
        os.close(ours)
        os.close(theirs)


def test_no_file_is_open_but_those_that_it_works_with(facts: dict[str, Any]) -> None:
    assert facts["open"] == facts["kept"]


def test_no_file_can_be_opened(facts: dict[str, Any]) -> None:
    assert facts["opens"] is False


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("RLIMIT_CPU", [3, 4]),
        ("RLIMIT_DATA", [1 << 30] * 2),
        ("RLIMIT_FSIZE", [1 << 20] * 2),
        ("RLIMIT_NOFILE", [0, 0]),
        ("RLIMIT_CORE", [0, 0]),
        ("RLIMIT_MEMLOCK", [0, 0]),
        ("RLIMIT_MSGQUEUE", [0, 0]),
    ],
)
def test_what_it_may_use_is_limited(facts: dict[str, Any], name: str, limit: list[int]) -> None:
    assert facts["limits"][name] == limit


def test_its_address_space_has_an_end(facts: dict[str, Any]) -> None:
    assert resource.RLIM_INFINITY not in facts["limits"]["RLIMIT_AS"]


def test_it_cannot_fork_without_end(facts: dict[str, Any]) -> None:
    tasks = int(lock.LOAD_AVERAGE.read_text().split()[3].partition("/")[2])

    assert facts["limits"]["RLIMIT_NPROC"][0] < lock.SPARE_TASKS + tasks + 500


def test_what_it_leaves_behind_falls_to_its_zygote(facts: dict[str, Any]) -> None:
    assert facts["subreaper"] == 1


def test_it_gains_no_rights_and_nobody_reads_its_memory(facts: dict[str, Any]) -> None:
    assert facts["no_new_privileges"] == 1
    assert facts["dumpable"] == 0


def test_it_dies_with_its_zygote_and_before_anybody_else(facts: dict[str, Any]) -> None:
    assert facts["death_signal"] == signal.SIGKILL
    assert facts["oom_score_adj"] == 1000


def test_it_gives_way_to_others(facts: dict[str, Any]) -> None:
    assert facts["nice"] >= 10


def test_its_standard_error_goes_into_the_file_of_complaints(facts: dict[str, Any]) -> None:
    assert facts["complaint"] == "complaint"
