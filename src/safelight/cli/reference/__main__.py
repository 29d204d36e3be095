"""Writes every page of the reference: `python -m safelight.cli.reference FOLDER`."""

import sys
from pathlib import Path

from safelight.cli.reference.pages import PAGES


def write(folder: Path) -> None:
    """Write every page into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / f"{name}.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
