"""What the processes of several hosts must agree on, without which none of them starts."""

from safelight.apps.doctor.finding import Finding, Level, Visit
from safelight.apps.start import lacking_for_sharing


def sharing(visit: Visit) -> list[Finding]:
    """Say for want of which settings `safelight api` and `safelight worker` would not start."""
    if not visit.is_shared:
        return []
    return [Finding("sharing", Level.WRONG, lack.seen, lack.cure) for lack in lacking_for_sharing(visit.settings)]
