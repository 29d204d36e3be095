"""Whether a process with a whole world can work."""

from safelight.apps.wiring import World
from safelight.http.readiness import Readiness, database_answers, store_answers


def readiness(world: World) -> Readiness:
    """Return whether a process with this world can work."""
    room = store_answers(world.objects, min_free_bytes=world.settings.min_free_bytes)
    return Readiness([database_answers(world.records), room], world.clock)
