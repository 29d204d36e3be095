"""The kinds file."""

from safelight.apps.doctor.finding import Finding, Visit, fine, wrong
from safelight.domain.errors import KindInvalid


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
