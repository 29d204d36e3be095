"""What zygote and child lock themselves into. Every lock is inherited, and none can be taken off again."""

import contextlib
import ctypes
import itertools
import os
import resource
import signal
from collections.abc import Collection
from pathlib import Path

from safelight.sandbox.protocol import Limits

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
"""From linux/prctl.h."""

FIRST_TO_GO = 1000
"""oom_score_adj (proc(5)): where memory ends, children are killed before anything else."""

NICE = 10
"""Children give way to whoever serves requests on the same machine."""

THREAD_STACK_BYTES = 2 << 20
"""Stacks count as memory of the child; glibc's default of 8 MiB would eat a small allowance."""

ADDRESS_SPACE_SPARE_BYTES = 4 << 30
"""Address space over the memory limit: libraries, arenas and stacks that are mapped and never touched."""

SPARE_TASKS = 1024
"""Processes and threads that may be started over those of the machine: renderings need a few, a fork bomb all."""

LOAD_AVERAGE = Path("/proc/loadavg")
"""Its fourth field is `running/all`: how many tasks the machine has (proc(5))."""

STANDARD_ERROR = 2

_libc = ctypes.CDLL(None, use_errno=True)


def lock_zygote() -> None:
    """Lock a zygote, before it serves: what holds here holds for all of its children.

    Whatever a child leaves behind becomes the zygote's own, to be ended. So no signal ends the zygote with its worker:
    it sees that one hang up, and ends what is left first.
    """
    Path("/proc/self/oom_score_adj").write_text(str(FIRST_TO_GO))
    _small_thread_stacks()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    _close_to_others()


def lock_child(limits: Limits, *, parent: int, complaints: int, keep: Collection[int]) -> None:
    """Lock a child, before it looks at its image: all files but `keep` closed, standard error to `complaints`."""
    _die_with_parent()
    if os.getppid() != parent:
        os._exit(1)
    _redirect(complaints)
    _close_all_but(keep)
    os.nice(NICE)
    _limit(limits)
    _close_to_others()


def _die_with_parent() -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _close_to_others() -> None:
    """Let no program gain rights, and nobody trace this one or read its memory."""
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _prctl(PR_SET_DUMPABLE, 0)


def _redirect(complaints: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.dup2(complaints, STANDARD_ERROR)


def _close_all_but(keep: Collection[int]) -> None:
    edges = [STANDARD_ERROR, *sorted(keep), resource.getrlimit(resource.RLIMIT_NOFILE)[1]]
    for below, above in itertools.pairwise(edges):
        os.closerange(below + 1, above)


def _limit(limits: Limits) -> None:
    cpu, memory, output = limits.cpu_seconds, limits.memory_bytes, limits.rendition_bytes
    tasks = _tasks() + SPARE_TASKS  # the kernel counts the user's own, and lets root have more
    for what, soft, hard in (
        (resource.RLIMIT_CPU, cpu, cpu + 1),
        (resource.RLIMIT_DATA, memory, memory),
        (resource.RLIMIT_AS, memory + ADDRESS_SPACE_SPARE_BYTES, memory + ADDRESS_SPACE_SPARE_BYTES),
        (resource.RLIMIT_FSIZE, output, output),
        (resource.RLIMIT_NPROC, tasks, tasks),
        (resource.RLIMIT_NOFILE, 0, 0),
        (resource.RLIMIT_MEMLOCK, 0, 0),
        (resource.RLIMIT_MSGQUEUE, 0, 0),
    ):
        _lower(what, soft, hard)


def _tasks() -> int:
    return int(LOAD_AVERAGE.read_text().split()[3].partition("/")[2])


def _lower(what: int, soft: int, hard: int) -> None:
    """Set a limit. Where the surroundings have set a lower one, that one stays: only root could raise it."""
    _, ceiling = resource.getrlimit(what)
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(what, (soft, hard))


def _small_thread_stacks() -> None:
    """Set the stack size of threads yet to come. Only glibc has the call, and needs it."""
    with contextlib.suppress(AttributeError):
        set_default = _libc.pthread_setattr_default_np
        attributes = ctypes.create_string_buffer(64)  # sizeof(pthread_attr_t) is 56 on x86_64 and 64 on aarch64
        _libc.pthread_attr_init(attributes)
        _libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(THREAD_STACK_BYTES))
        set_default(attributes)


def _prctl(option: int, value: int) -> None:
    arguments = [ctypes.c_ulong(argument) for argument in (value, 0, 0, 0)]
    if _libc.prctl(option, *arguments) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")
