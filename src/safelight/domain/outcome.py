"""How the processing of an image ended, before it is finalized."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from safelight.domain.errors import Reason
from safelight.domain.image import Look
from safelight.domain.keys import Key


@dataclass(frozen=True, slots=True)
class Done:
    """Everything is stored: `renditions` are the keys of all that was planned."""

    look: Look | None
    original_kept: bool
    renditions: AbstractSet[Key] = frozenset()


@dataclass(frozen=True, slots=True)
class Spoilt:
    """The file's fault."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Broken:
    """Our fault, to be tried again: a stable code, and what happened, for the operator.

    `error` is what was raised where nobody foresaw it.
    """

    code: str
    detail: str
    error: Exception | None = field(default=None, compare=False)


Outcome = Done | Spoilt | Broken
