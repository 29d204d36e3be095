"""Whether this process's kinds file is an older one: then it undoes nothing of what newer ones declare."""

from datetime import timedelta

from safelight.domain.declaration import Declaration
from safelight.ports.snapshot import Snapshot

HANDED_BACK_FOR = timedelta(seconds=30)
"""When a job is tried again that only a process with the newer kinds file can do: any may get it."""


async def is_older(declaration: Declaration, snapshot: Snapshot) -> bool:
    """Whether another process has declared the kind later, and otherwise."""
    declared = await snapshot.declared(declaration.kind)
    return declared is not None and declared.declaration != declaration
