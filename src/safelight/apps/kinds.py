"""Loads the kinds file."""

import runpy
from pathlib import Path

from safelight.domain.errors import KindInvalid
from safelight.domain.kind import Kind, Kinds
from safelight.domain.variant import cover, fit

EXAMPLES = Kinds(
    Kind(name, public=public, variants={"thumb": cover(200, 200), "medium": fit(800), "large": fit(1600)})
    for name, public in (("photo", True), ("private-photo", False))
)
"""What is served without a kinds file."""


def load_kinds(path: Path | None) -> Kinds:
    """Return the kinds that the file declares, or the examples. Raises KindInvalid."""
    if path is None:
        return EXAMPLES
    if not path.is_file():
        raise KindInvalid(f"there is no file {path}")
    try:
        names = runpy.run_path(str(path))
    except KindInvalid:
        raise
    except Exception as error:
        raise KindInvalid(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    kinds = Kinds({id(value): value for value in names.values() if isinstance(value, Kind)}.values())
    if not kinds:
        raise KindInvalid(f"{path} declares no Kind")
    return kinds
