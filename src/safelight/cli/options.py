"""Options that several commands share, and how they become settings."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from safelight.cli.sentences import of_settings
from safelight.cli.tell import err, misused
from safelight.settings import Settings
from safelight.settings.names import unknown_names

Data = Annotated[
    Path | None, typer.Option(help="Folder of database, objects and keys. [SAFELIGHT_DATA; safelight-data]")
]
KindsFile = Annotated[Path | None, typer.Option(help="File that declares your kinds. [SAFELIGHT_KINDS; two examples]")]
SharedKindsFile = Annotated[
    Path | None, typer.Option(help="File that declares your kinds, the same on every host. [SAFELIGHT_KINDS]")
]


def settings(**options: Any) -> Settings:
    """Return the settings: options that were given, else the environment, else `.env`, else defaults.

    Where some cannot be used, every one is told, and the command ends. Names that are none are told in any case.
    """
    warn_of_unknown_names()
    return exactly(**given(**options))


def given(**options: Any) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def exactly(**chosen: Any) -> Settings:
    """Return the settings, those chosen as they are, None as well. Ends the command as `settings` does."""
    try:
        return Settings(**chosen)
    except ValidationError as error:
        raise misused("These settings cannot be used:", *(f"  {line}" for line in of_settings(error))) from None


def warn_of_unknown_names() -> None:
    """Say which names in the environment look like settings and are none."""
    for name, meant in unknown_names().items():
        cure = f"Is {meant} meant?" if meant else "`safelight settings` lists those that there are."
        err.print(f"{name} is no setting, and does nothing. {cure}", style="yellow", markup=False)
