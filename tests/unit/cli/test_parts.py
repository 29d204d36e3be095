"""`safelight api`, `worker`, `uploads`: everything that is in the way of a start is told at once."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from safelight.adapters.keyring import create_keyring
from safelight.testing.fakes import FrozenClock


@pytest.fixture(autouse=True)
def without_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in an empty folder, with settings from nowhere."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("part", ["api", "worker"])
def test_a_part_lists_everything_that_it_lacks(run: Callable[..., Result], part: str) -> None:
    refused = run(part, "--kinds", "nowhere.py")

    assert refused.exit_code == 1
    assert f"safelight {part} cannot start" in refused.stderr
    for lacking in ("DATABASE_URL", "PUBLIC_URL", "UPLOADS_URL", "KINDS: there is no file nowhere.py"):
        assert f"SAFELIGHT_{lacking}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_worker_needs_no_signing_keys(run: Callable[..., Result]) -> None:
    assert "signing-keys create" in run("api").stderr
    assert "signing-keys create" not in run("worker").stderr


def test_the_upload_service_has_nothing_to_do_with_a_bucket(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFELIGHT_STORAGE_URL", "s3://bucket?endpoint=http://127.0.0.1:9&region=x")

    refused = run("uploads")

    assert refused.exit_code == 1
    assert "SAFELIGHT_STORAGE_URL is set" in refused.stderr
    assert "signing-keys create" in refused.stderr


def test_a_database_that_does_not_answer_is_told_with_the_rest_and_without_its_password(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFELIGHT_DATABASE_URL", "postgresql+asyncpg://me:hidden@127.0.0.1:9/none")

    refused = run("worker")

    assert "SAFELIGHT_DATABASE_URL: " in refused.stderr
    assert "SAFELIGHT_KINDS is not set" in refused.stderr
    assert "hidden" not in refused.stderr


def test_up_lists_everything_that_is_wrong_at_once(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SAFELIGHT_BOOTSTRAP_KEY", "no key")
    monkeypatch.setenv("SAFELIGHT_KEYRING", str(tmp_path / "missing.json"))
    monkeypatch.setenv("SAFELIGHT_DATABASE_URL", "postgresql://me@127.0.0.1:9/none")

    refused = run("up", "--kinds", "nowhere.py")

    assert refused.exit_code == 1
    for wrong in ("BOOTSTRAP_KEY must look", "KINDS: there is no file", "KEYRING", "DATABASE_URL: "):
        assert f"SAFELIGHT_{wrong}" in refused.stderr


@pytest.mark.parametrize("part", ["api", "worker", "uploads"])
def test_a_folder_that_all_hosts_share_is_not_made_by_the_way(
    run: Callable[..., Result], tmp_path: Path, part: str
) -> None:
    refused = run(part, "--data", tmp_path / "mounted")

    assert refused.exit_code == 1
    assert f"SAFELIGHT_DATA: there is no folder {tmp_path / 'mounted'}" in refused.stderr
    assert not (tmp_path / "mounted").exists()


def test_a_part_whose_port_is_taken_names_the_one_that_it_wanted(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    create_keyring(tmp_path / "keys.json", FrozenClock())
    monkeypatch.setenv("SAFELIGHT_KEYRING", str(tmp_path / "keys.json"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        refused = run("uploads", "--port", port, "--data", tmp_path)

    assert refused.exit_code == 1
    assert f"Port {port} of 127.0.0.1 is taken" in refused.stderr
    assert "--port; 0 takes a free one" in refused.stderr
