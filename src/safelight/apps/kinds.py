"""Loads the kinds file."""

import runpy
import traceback
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
    """Return the kinds that the file declares, or the examples. Raises KindInvalid, which names file and line."""
    if path is None:
        return EXAMPLES
    if path.is_dir():
        raise KindInvalid(f"{path} is a folder; name the file in it that declares the kinds")
    if not path.is_file():
        raise KindInvalid(f"there is no file {path}")
    try:
        names = runpy.run_path(str(path))
    except KindInvalid as error:
        raise KindInvalid(f"{_where(error, path)}: {error.reason}") from error
    except Exception as error:
        raise KindInvalid(f"{_where(error, path)}: {_words(error)}") from error
    kinds = {id(value): value for value in names.values() if isinstance(value, Kind)}
    if not kinds:
        raise KindInvalid(f"{path} declares no Kind")
    try:
        return Kinds(kinds.values())
    except KindInvalid as error:
        raise KindInvalid(f"{path}: {error.reason}") from error


def _where(error: Exception, path: Path) -> str:
    """Return the file, and the last of its lines that the error came through."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path}, line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}, line {lines[-1]}" if lines else str(path)


def _words(error: Exception) -> str:
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {said}"
