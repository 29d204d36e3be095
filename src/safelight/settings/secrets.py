"""Settings from files: a folder of mounted secrets, where no environment should show them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource


class SecretsFolder(PydanticBaseSettingsSource):
    """Reads each setting from the file of its name. The folder is what the others call `secrets`, the first of all.

    One that is not there is left to the setting's own check, which tells of it with every other mistake.
    """

    def __init__(self, settings: type[BaseSettings], *others: PydanticBaseSettingsSource) -> None:
        super().__init__(settings)
        self._others = others

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - see __call__
        """Return nothing: all are read at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the settings that have a file."""
        folder = next(self._folders(), None)
        if folder is None or not folder.is_dir():
            return {}
        return SecretsSettingsSource(self.settings_cls, folder)()

    def _folders(self) -> Iterator[Path]:
        return (Path(found["secrets"]) for other in self._others if "secrets" in (found := other()))


def secret_names(folder: str | None) -> list[str]:
    """Return the names of the files in a folder; none of one that is not there."""
    return [file.name for file in Path(folder).iterdir()] if folder and Path(folder).is_dir() else []
