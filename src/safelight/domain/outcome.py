"""How the processing of an image ended, before it is finalized."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from safelight.domain.declaration import Declaration
from safelight.domain.errors import Reason
from safelight.domain.image import Look
from safelight.domain.keys import Key


@dataclass(frozen=True, slots=True)
class Done:
    """Everything is stored: `renditions` are the keys of all that was planned.

    `unscanned` says why the file was taken without the scan that its kind declares; empty where it was not.
    `one_per_record`: it takes the place of the image of this kind that its record has. `declaration` is what its kind
    is declared as by the process that rendered it.
    """

    look: Look | None
    original_kept: bool
    renditions: AbstractSet[Key] = frozenset()
    unscanned: str = ""
    one_per_record: bool = False
    declaration: Declaration | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Spoilt:
    """The file's fault. `detail` is for the operator's log alone."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """Our fault, to be tried again: a stable code, and what happened, for the operator.

    `error` is what was raised where nobody foresaw it.
    """

    code: str
    detail: str
    error: Exception | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Waits:
    """The file waits: for a scanner, a worker with a newer kinds file, or a busy database. It was not a try at it."""

    code: str
    detail: str


Outcome = Done | Spoilt | Broken | Waits
