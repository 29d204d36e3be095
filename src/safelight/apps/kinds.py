"""Loads the kinds file."""

import runpy
import traceback
from pathlib import Path

from safelight.apps.lack import Lack
from safelight.domain.errors import KindInvalid
from safelight.domain.kind import Kind, Kinds
from safelight.domain.variant import cover, fit
from safelight.settings import Settings

EXAMPLES = Kinds(
    Kind(name, public=public, variants={"thumb": cover(200, 200), "medium": fit(800), "large": fit(1600)})
    for name, public in (("photo", True), ("private-photo", False))
)
"""What is served without a kinds file."""


NO_KINDS = Lack("SAFELIGHT_KINDS is not set", "Name the file that declares your kinds, the same for every process")

REMEMBERED = "kinds-file"
"""File of the data folder that holds the path of the kinds file that it was last served with."""


class KindsForgotten(Exception):
    """No kinds file is named, and the data folder was served with one: its images are not of the example kinds."""

    def __init__(self, folder: Path, remembered: Path) -> None:
        super().__init__(
            f"{folder} was last served with the kinds of {remembered}. Say --kinds {remembered} (or SAFELIGHT_KINDS). "
            f"To serve the example kinds from now on, remove {folder / REMEMBERED}"
        )


class KindsUnnamed(Exception):
    """No kinds file is named where the records are shared: the example kinds would be declared for every host."""

    def __init__(self) -> None:
        super().__init__(str(NO_KINDS))


def shared_kinds(settings: Settings) -> Kinds:
    """Return the kinds for a command that may declare them. Raises KindsUnnamed, KindsForgotten, KindInvalid."""
    kinds = kinds_for(settings.data, settings.kinds)
    if settings.database_url is not None and settings.kinds is None:
        raise KindsUnnamed
    return kinds


def kinds_for(folder: Path, path: Path | None) -> Kinds:
    """Return the kinds of the file to serve a data folder with. Raises KindsForgotten, KindInvalid."""
    remembered = remembered_kinds(folder)
    if path is None and remembered is not None:
        raise KindsForgotten(folder, remembered)
    return load_kinds(path)


def remembered_kinds(folder: Path) -> Path | None:
    """Return the kinds file that the data folder was last served with, or None."""
    noted = folder / REMEMBERED
    return Path(noted.read_text()) if noted.is_file() else None


def remember_kinds(folder: Path, path: Path | None) -> None:
    """Note which kinds file the data folder is served with, so that the next start cannot forget it."""
    if path is not None:
        (folder / REMEMBERED).write_text(str(path.absolute()))


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
