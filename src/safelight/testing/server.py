"""A whole Safelight in a process of its own, for tests that go by HTTP."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from safelight.testing.program import MODULE, Program

API_KEY = "sl_00000000000070008000000000000001_only-for-tests-0123456789-abcdefghij"

PATIENCE = {
    "SAFELIGHT_ADDRESS_CALLS_PER_MINUTE": "1000000",
    "SAFELIGHT_ADDRESS_BAD_KEYS_PER_MINUTE": "1000000",
    "SAFELIGHT_ADDRESS_DOWNLOADS_PER_MINUTE": "1000000",
    "SAFELIGHT_TOKEN_DOWNLOADS_PER_MINUTE": "1000000",
}
"""Tests all call from one address, and more often than people do."""


def files_below(folder: Path) -> list[Path]:
    """Return every file below a folder of a server that runs: what is tidied away meanwhile is left out."""
    return [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]


class Server(Program):
    """`safelight up` on a free port of loopback, on the data folder `data`. Can be killed and started anew.

    `settings` are those of `safelight.settings`, by name, as text; `program` is what Python runs as `safelight`.
    """

    def __init__(
        self, data: Path, settings: Mapping[str, str] | None = None, *, program: Sequence[str] = MODULE
    ) -> None:
        self.data = data
        self.key = API_KEY
        super().__init__(
            ["up", "--data", str(data)],
            data.with_name(f"{data.name}.log"),
            {"bootstrap_key": API_KEY, **(settings or {})},
            variables=PATIENCE,
            program=program,
        )

    def stored(self, part: str = "") -> list[Path]:
        """Return what lies in the store, or in a part of it."""
        return files_below(self.data / "store" / part)
