"""The checks of what the operating system gives. See also tests/journey/test_doctor.py, with real limits."""

import resource
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from safelight.apps.doctor.finding import Level, Visit
from safelight.apps.doctor.machine import descriptors, memory_files, temporary_folder

MakeVisit = Callable[..., Visit]


def test_a_limit_under_what_all_connections_need_is_told(visit: MakeVisit) -> None:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)

    (found,) = descriptors(visit(max_connections=limit, slots=1))

    assert found.level is Level.WARNING
    assert f"LimitNOFILE={2 * limit + 172}" in found.cure


def test_what_this_machine_gives_is_enough_for_few_connections(visit: MakeVisit) -> None:
    found = descriptors(visit(max_connections=10, slots=1)) + memory_files(visit()) + temporary_folder(visit())

    assert [finding.level for finding in found] == [Level.OK] * 3


def test_a_temporary_folder_that_cannot_be_used_is_told(
    visit: MakeVisit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", None)

    (found,) = temporary_folder(visit())

    assert found.level is Level.WARNING
    assert "Mend TMPDIR" in found.cure
