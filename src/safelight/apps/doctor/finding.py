"""What a check found, and what every check may look at."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from safelight.apps.lock import is_locked
from safelight.domain.errors import KindInvalid
from safelight.domain.kind import Kinds
from safelight.ports.clock import Clock
from safelight.settings import Settings

LOOKED_AT = 100_000
"""Records that a check looks at, of each sort: a small installation has fewer, and these take no time."""

ALL = "all: safelight doctor --whole"


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


def ignore(_how_far: str) -> None:
    """Hear how far a check is, and tell nobody."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What every check may look at. `running`: whether a server has the data folder.

    `bucket_answers`: whether objects can be looked at, where they are in a bucket. `whole`: whether to look at all that
    there is, however long it takes; `tell` hears how far that is.
    """

    settings: Settings
    clock: Clock
    running: bool
    kinds: Kinds | KindInvalid
    bucket_answers: bool = True
    whole: bool = False
    tell: Callable[[str], None] = ignore

    @property
    def most(self) -> int | None:
        """How many records a check looks at, the newest ones; None where it looks at all."""
        return None if self.whole else LOOKED_AT

    def among(self, looked_at: int, what: str) -> str:
        """Return what is to be said of a check that may not have looked at all."""
        return f" of the newest {looked_at:,} {what} ({ALL})" if looked_at == self.most else ""

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
