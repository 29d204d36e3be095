"""What a check found, and what every check may look at."""

from dataclasses import dataclass
from enum import StrEnum

from safelight.apps.lock import is_locked
from safelight.domain.errors import KindInvalid
from safelight.domain.kind import Kinds
from safelight.ports.clock import Clock
from safelight.settings import Settings


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, and somebody should know."""
    WRONG = "wrong"
    """It does not work, or is not safe."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what was seen, and the cure where it is not well."""

    name: str
    level: Level
    seen: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """What every check may look at. `running`: whether a server has the data folder.

    `bucket_answers`: whether objects can be looked at, where they are in a bucket.
    """

    settings: Settings
    clock: Clock
    running: bool
    kinds: Kinds | KindInvalid
    bucket_answers: bool = True

    @property
    def is_shared(self) -> bool:
        """Whether several hosts are to share the records. `safelight up`, where it runs here, needs no others."""
        return self.settings.database_url is not None and not is_locked(self.settings.data)

    @property
    def of_the_folder(self) -> str:
        """The option by which a command finds these records, where the settings do not name their database."""
        return f" --data {self.settings.data}" if self.settings.database_url is None else ""


def fine(name: str, seen: str) -> list[Finding]:
    """Return that this is well."""
    return [Finding(name, Level.OK, seen)]


def warning(name: str, seen: str, cure: str) -> list[Finding]:
    """Return that somebody should know this."""
    return [Finding(name, Level.WARNING, seen, cure)]


def wrong(name: str, seen: str, cure: str) -> list[Finding]:
    """Return that this must be mended."""
    return [Finding(name, Level.WRONG, seen, cure)]
