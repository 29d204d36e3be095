"""Every page of the reference, by the name of its file."""

from collections.abc import Callable, Mapping

from safelight.cli.reference import commands, errors, events, kinds, routes, settings, states

PAGES: Mapping[str, Callable[[], str]] = {
    "settings": settings.page,
    "kinds": kinds.page,
    "http": routes.page,
    "errors": errors.page,
    "states": states.page,
    "events": events.page,
    "cli": commands.page,
}
