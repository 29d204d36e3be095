"""Commands run in this process, on a data folder of the test's own."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from safelight.apps.data_folder import migrate_data
from safelight.cli.app import app

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def only_the_tests_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SAFELIGHT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with an empty, migrated database."""
    migrate_data(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture(params=["sqlite", "postgres"])
def either_database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test run twice: on the folder's own database, and beside it on a Postgres of the settings."""
    if request.param == "postgres":
        monkeypatch.setenv("SAFELIGHT_DATABASE_URL", request.getfixturevalue("postgres_url"))


@pytest.fixture
def run() -> Run:
    """Runs `safelight` with these words."""
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
