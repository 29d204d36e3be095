"""`safelight up`, where it cannot begin: what is wrong, and what to do instead."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from safelight.adapters.records.store import open_records
from safelight.apps.data_folder import remember_postgres
from safelight.cli.up import where_data_is
from safelight.settings import Settings
from safelight.testing.fakes import RecordingJobs
from safelight.testing.samples import new_image

Run = Callable[..., Result]

SOON_S = 30
POSTGRES = "postgresql://me:hidden@db.example:5433/images?sslmode=require"
BUCKET = "s3://bucket?region=eu-central-1&aws_profile=prod"


def test_a_port_that_is_taken_is_named_with_the_option_that_takes_another(run: Run, data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        refused = run("up", "--port", port, "--data", data)

    assert refused.exit_code == 1
    assert f"Port {port} of 127.0.0.1 is taken" in refused.stderr
    assert "--port" in refused.stderr


@pytest.mark.parametrize(("name", "why"), [("file", "it is a file"), ("file/in/it", "a part of its path is a file")])
def test_a_folder_that_cannot_be_made_is_named(run: Run, tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "file").touch()

    refused = run("up", "--port", 0, "--data", tmp_path / name)

    assert refused.exit_code == 1
    assert f"The data folder {tmp_path / name} cannot be used: {why}" in refused.stderr
    assert "--data" in refused.stderr
    assert "safelight doctor" in refused.stderr


def test_a_damaged_database_sends_to_the_doctor(run: Run, data: Path) -> None:
    (data / "safelight.db").write_bytes(b"no database" * 1000)

    refused = run("up", "--port", 0, "--data", data)

    assert refused.exit_code == 1
    assert f"safelight doctor --data {data}" in refused.stderr


async def test_a_postgres_without_images_is_refused_where_the_folder_has_some_of_its_own(
    run: Run, data: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep would remove their objects, which no record there asks for."""
    monkeypatch.setenv("SAFELIGHT_DATABASE_URL", postgres_url)
    async with open_records(data / "safelight.db", RecordingJobs()) as records, records.transaction() as tx:
        await tx.add(new_image())

    refused = await asyncio.to_thread(run, "up", "--port", 0, "--data", data)

    assert refused.exit_code == 1
    assert f"safelight records migrate --from {data}" in refused.stderr


def test_a_folder_that_was_served_with_records_on_postgres_is_not_served_with_its_own(run: Run, data: Path) -> None:
    remember_postgres(data)

    refused = run("up", "--port", 0, "--data", data)

    assert refused.exit_code == 1
    assert "Name that database: SAFELIGHT_DATABASE_URL" in refused.stderr
    assert f"remove {data / 'records-on-postgres'}" in refused.stderr


def test_every_bad_setting_is_told_and_no_secret(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFELIGHT_WEBHOOK_SECRET", "mistyped-secret")
    monkeypatch.setenv("SAFELIGHT_SLOTS", "0")

    refused = run("up")

    assert refused.exit_code == 2
    assert "SAFELIGHT_SLOTS = '0'" in refused.stderr
    assert "SAFELIGHT_WEBHOOK_SECRET: must be whsec_" in refused.stderr
    assert "mistyped-secret" not in refused.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "its data in here"),
        ({"database_url": POSTGRES}, "its records in Postgres (images at db.example) and its images in here"),
        ({"storage_url": BUCKET}, "its records in here and its images in s3://bucket"),
        (
            {"database_url": POSTGRES, "storage_url": BUCKET},
            "its records in Postgres (images at db.example) and its images in s3://bucket",
        ),
        (
            {"database_url": "postgresql:///images?host=/run/postgresql&password=hidden"},
            "its records in Postgres (images) and its images in here",
        ),
    ],
)
def test_where_the_data_is_is_said_without_secrets(given: dict[str, Any], said: str) -> None:
    assert where_data_is(Settings(data=Path("here"), **given)) == said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_server_well(data: Path, number: signal.Signals) -> None:
    up = [sys.executable, "-m", "safelight", "up", "--port", "0", "--data", str(data)]
    with subprocess.Popen(up, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        assert process.stdout
        first = process.stdout.readline()

        process.send_signal(number)

        _, errors = process.communicate(timeout=SOON_S)
    assert "listens on http://127.0.0.1:" in first
    assert process.returncode == 0
    assert "Traceback" not in errors
