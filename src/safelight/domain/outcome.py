"""How the processing of an image ended, before it is finalized."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from safelight.domain.errors import Reason
from safelight.domain.image import Look
from safelight.domain.keys import Key


@dataclass(frozen=True, slots=True)
class Done:
    """Everything is stored: `renditions` are the keys of all that was planned.

    `unscanned` says why the file was taken without the scan that its kind declares; empty where it was not.
    `one_per_record`: it takes the place of the image of this kind that its record has.
    """

    look: Look | None
    original_kept: bool
    renditions: AbstractSet[Key] = frozenset()
    unscanned: str = ""
    one_per_record: bool = False


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
    """The scanner gave no answer: the file waits for it, for however long. It was not a try at the image."""

    code: str
    detail: str


Outcome = Done | Spoilt | Broken | Waits
