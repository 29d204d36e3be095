"""Options that several commands share, and how they become settings."""

from pathlib import Path
from typing import Annotated, Any

import typer

from safelight.settings import Settings

Data = Annotated[
    Path | None, typer.Option(help="Folder of database, objects and keys. [SAFELIGHT_DATA; safelight-data]")
]
KindsFile = Annotated[Path | None, typer.Option(help="File that declares your kinds. [SAFELIGHT_KINDS; two examples]")]


def settings(**options: Any) -> Settings:
    """Return the settings: options that were given, else the environment, else `.env`, else defaults."""
    return Settings(**{name: value for name, value in options.items() if value is not None})
