"""What the units forbid, without systemd: `python confined.py CALLS... -- PROGRAM` runs a program under it.

It may make the system calls that a unit allows and no others, have no memory that is both written and run, and use
three families of sockets. What units forbid of files and rights is tried where the container is.
"""

import ctypes
import errno
import mmap
import os
import socket
import sys
from collections.abc import Sequence

ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.EPERM
MASKED_EQUAL = 7
"""From seccomp.h."""

WRITE_AND_RUN = mmap.PROT_WRITE | mmap.PROT_EXEC
FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)


class Argument(ctypes.Structure):
    """`struct scmp_arg_cmp`: one condition on an argument of a call."""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


_seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
_seccomp.seccomp_init.restype = ctypes.c_void_p


class Filter:
    """Refuses every call that it was not told of."""

    def __init__(self) -> None:
        self._context = ctypes.c_void_p(_seccomp.seccomp_init(ctypes.c_uint32(REFUSE)))

    def allow(self, call: str, *arguments: Argument) -> None:
        """Let a call through, where its arguments are so. One that this machine has not got does not matter."""
        number = _seccomp.seccomp_syscall_resolve_name(call.encode())
        if number < 0:
            return
        conditions = (Argument * len(arguments))(*arguments)
        done = _seccomp.seccomp_rule_add_array(
            self._context, ctypes.c_uint32(ALLOW), ctypes.c_int(number), ctypes.c_uint(len(arguments)), conditions
        )
        if done:
            raise OSError(-done, f"no rule for {call}")

    def load(self) -> None:
        """Hold this process to it, and whatever it starts."""
        done = _seccomp.seccomp_load(self._context)
        if done:
            raise OSError(-done, "the filter cannot be loaded")


def restrict(calls: Sequence[str]) -> None:
    """Hold this process to `calls`, to memory that is not both written and run, and to three families of sockets."""
    limited = {
        "mmap": [_masked(2, WRITE_AND_RUN, protection) for protection in (0, mmap.PROT_WRITE, mmap.PROT_EXEC)],
        "mprotect": [_masked(2, mmap.PROT_EXEC, 0)],
        "pkey_mprotect": [],
        "shmat": [],
        "socket": [_masked(0, 0xFFFFFFFF, family) for family in FAMILIES],
    }
    allowed = Filter()
    for call in calls:
        for condition in limited.get(call, []):
            allowed.allow(call, condition)
        if call not in limited:
            allowed.allow(call)
    allowed.load()


def _masked(argument: int, mask: int, value: int) -> Argument:
    return Argument(argument, MASKED_EQUAL, mask, value)


if __name__ == "__main__":
    names, program = sys.argv[1:][: sys.argv[1:].index("--")], sys.argv[sys.argv.index("--") + 1 :]
    restrict(names)
    os.execv(program[0], program)  # noqa: S606 - that is what it is for
