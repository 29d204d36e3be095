"""Declare the kinds of this process, so that all know whose kinds file is the newer one."""

from collections.abc import Mapping, Sequence

from safelight.domain.declaration import Declaration, Declared
from safelight.domain.kind import Kinds
from safelight.ports.clock import Clock
from safelight.ports.records import Records


async def declare_kinds(kinds: Kinds, *, records: Records, clock: Clock) -> Mapping[str, Declared]:
    """Let each kind hold as it is declared here, where nobody has declared it so before.

    Return what holds of the others: they were declared otherwise later, and this process has an older kinds file.
    """
    differing = await older_kinds(kinds, records=records)
    unknown = kinds.keys() - {declared.declaration.kind for declared in await _every(records)}
    for name in sorted(unknown | differing.keys()):
        async with records.transaction() as tx:
            await tx.declarations.declare(Declaration.of(kinds[name]), at=clock.now())
    return await older_kinds(kinds, records=records)


async def adopt_kinds(kinds: Kinds, *, records: Records, clock: Clock) -> Sequence[str]:
    """Let each kind hold as it is declared here, whoever declared it otherwise later; return those that did not."""
    adopted = []
    for name, kind in sorted(kinds.items()):
        async with records.transaction() as tx:
            if await tx.declarations.adopt(Declaration.of(kind), at=clock.now()):
                adopted.append(name)
    return adopted


async def older_kinds(kinds: Kinds, *, records: Records) -> Mapping[str, Declared]:
    """Return what holds of the kinds that are declared otherwise here."""
    return {
        declared.declaration.kind: declared
        for declared in await _every(records)
        if (name := declared.declaration.kind) in kinds and declared.declaration != Declaration.of(kinds[name])
    }


async def _every(records: Records) -> Sequence[Declared]:
    async with records.glance() as snapshot:
        return await snapshot.every_declared()
