"""How the processing of an image ended, before it is finalized."""

from dataclasses import dataclass

from safelight.domain.errors import Reason
from safelight.domain.image import Look


@dataclass(frozen=True, slots=True)
class Done:
    """Everything is stored."""

    look: Look | None
    original_kept: bool


@dataclass(frozen=True, slots=True)
class Spoilt:
    """The file's fault."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Broken:
    """Our fault, to be tried again: a stable code, and what happened, for the operator."""

    code: str
    detail: str


Outcome = Done | Spoilt | Broken
