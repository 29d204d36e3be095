"""The kinds file."""

from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.records.snapshot import SqlSnapshot
from safelight.apps.doctor.finding import Finding, Visit, fine, warning, wrong
from safelight.domain.declaration import Declaration
from safelight.domain.errors import KindInvalid


async def older_kinds(visit: Visit, connection: AsyncConnection) -> list[Finding]:
    """See that no other host has a newer kinds file."""
    if isinstance(visit.kinds, KindInvalid):
        return []
    older = [
        f"{name} ({', '.join(differing)}) since {declared.since:%Y-%m-%d %H:%M} UTC"
        for declared in await SqlSnapshot(connection).every_declared()
        if (name := declared.declaration.kind) in visit.kinds
        and (differing := declared.declaration.differing(Declaration.of(visit.kinds[name])))
    ]
    if not older:
        return []
    return warning(
        "kinds",
        f"another process has declared otherwise: {'; '.join(older)}",
        "Give every host the newer kinds file and start it again. To go back to this one: safelight kinds adopt",
    )


def kinds_file(visit: Visit) -> list[Finding]:
    """Say what it declares, or why it does not."""
    path = visit.settings.kinds
    if isinstance(visit.kinds, KindInvalid):
        cure = (
            "Mend what it names; safelight up and safelight reprocess need the whole file"
            if path and path.is_file()
            else "Name another: --kinds, or SAFELIGHT_KINDS; relative paths begin at the folder of the command"
        )
        return wrong("kinds", visit.kinds.reason, cure)
    names = ", ".join(visit.kinds)
    return fine("kinds", f"{names} ({path})" if path else f"{names} (examples: no kinds file is named)")
