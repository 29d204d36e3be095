"""The command line as a whole: quick, and quiet at its end."""

import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
from click.testing import Result

from safelight import __version__
from safelight.cli.app import Commands
from safelight.cli.lazy import load

Run = Callable[..., Result]

HEAVY = {"sqlalchemy", "litestar", "uvicorn", "alembic", "pydantic_settings", "pgqueuer"}


def test_the_version_is_told(run: Run) -> None:
    assert run("--version").stdout == f"Safelight {__version__}\n"


def test_every_command_can_be_loaded_and_is_listed(run: Run) -> None:
    listed = run("--help").stdout

    for name, lazy in Commands.table.items():
        assert load(name, lazy).help, name
        assert f" {name} " in listed


def test_help_breaks_its_lines_where_the_terminal_ends(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")

    told = run("storage", "migrate", "--help").stdout

    assert "Nothing is removed from the old store." in told


@pytest.mark.parametrize("words", [["--help"], ["upload", "--help"]])
def test_what_needs_no_server_loads_none(words: list[str]) -> None:
    program = (
        f"import sys\nfrom safelight.cli.app import app\ntry: app({words!r})\nexcept SystemExit: print(*sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - ours

    assert HEAVY.isdisjoint(done.stdout.split())


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_before_anything_runs_ends_quietly(number: signal.Signals, status: int) -> None:
    program = (
        "import os, sys\nfrom safelight.cli.entry import main\n"
        f"class Finder:\n    def find_spec(self, name, *_):\n"
        f"        if name == 'safelight.cli.app': os.kill(os.getpid(), {int(number)})\n"
        "sys.meta_path.insert(0, Finder())\nmain()"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603 - ours

    assert done.returncode == status
    assert done.stderr == "\nStopped.\n"
