"""Declares the kinds that a process starts with, and tells where its kinds file is an older one."""

import structlog

from safelight.apps.wiring import World
from safelight.domain.declaration import Declared
from safelight.domain.kind import Kind, Kinds
from safelight.upkeep.declare import adopt_kinds, declare_kinds

log = structlog.get_logger(__name__)


class KindsOlder(Exception):
    """This kinds file is older than another process's, and what was asked for would undo what that one declares."""

    def __init__(self, kind: str, declared: Declared) -> None:
        super().__init__(
            f"Another process has declared the kind {kind} otherwise, since {declared.since:%Y-%m-%d %H:%M} UTC. Name "
            "the newer kinds file: --kinds, or SAFELIGHT_KINDS. To go back to this one: safelight kinds adopt"
        )


async def see_that_it_holds(kind: Kind, world: World) -> None:
    """Declare one kind, where nobody has declared it so before. Raises KindsOlder."""
    older = await declare_kinds(Kinds([kind]), records=world.records, clock=world.clock)
    if kind.name in older:
        raise KindsOlder(kind.name, older[kind.name])


async def declare(world: World) -> None:
    """Let all know this process's kinds. Where no other can have its records, they simply hold."""
    if world.alone:
        await adopt_kinds(world.kinds, records=world.records, clock=world.clock)
        return
    older = await declare_kinds(world.kinds, records=world.records, clock=world.clock)
    for kind, declared in older.items():
        log.warning(
            "kinds_file_is_older",
            kind=kind,
            since=declared.since.isoformat(),
            detail="another process declared the kind otherwise later: give this one the newer file and start it again",
        )
