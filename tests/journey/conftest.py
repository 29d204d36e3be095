"""What the tests of commands beside a server use."""

import os
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import PIL.Image
import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]

COMMAND_WITHIN_S = 120


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Runs `safelight` with these words in a process of its own; settings are given by name."""

    def run(*words: object, **settings: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SAFELIGHT_")}
        named = {f"SAFELIGHT_{name.upper()}": value for name, value in settings.items()}
        return subprocess.run(  # noqa: S603 - our own program, with a test's words
            [sys.executable, "-m", "safelight", *map(str, words)],
            env=inherited | {"COLUMNS": "200"} | named,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=COMMAND_WITHIN_S,
            check=False,
        )

    return run


@pytest.fixture
def picture() -> Callable[[int], bytes]:
    """Makes small JPEG files, a different one for each number."""

    def make(number: int) -> bytes:
        file = BytesIO()
        PIL.Image.new("RGB", (640, 480), (number * 5 % 256, number * 11 % 256, 90)).save(file, "JPEG")
        return file.getvalue()

    return make
