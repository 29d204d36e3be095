"""Names in the environment that look like settings and are none."""

from safelight.apps.doctor.finding import Finding, Visit, warning
from safelight.settings.names import unknown_names


def setting_names(_visit: Visit) -> list[Finding]:
    """See that every name that begins like a setting is one: a mistyped one does nothing, and nobody says so."""
    return [
        finding
        for name, meant in unknown_names().items()
        for finding in warning(
            "settings",
            f"{name} is no setting, and does nothing",
            f"Call it {meant}, if that is meant" if meant else "Remove it; these there are: safelight settings",
        )
    ]
