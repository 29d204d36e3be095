"""What the serving process asks of the system before it begins."""

import ctypes
import resource

from safelight.sandbox.lock import PR_SET_DUMPABLE


def prepare_process() -> None:
    """Allow as many open files as may be, and let nobody read this process's memory, where the signing keys are.

    Each connection is an open file, and shells allow few by default.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    zero = ctypes.c_ulong(0)
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, zero, zero, zero, zero)
