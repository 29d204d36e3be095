"""The checks of the data folder."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from safelight.apps.doctor.finding import Level, Visit
from safelight.apps.doctor.folder import clock, data_folder, free_space, owner, private_folder
from safelight.testing.fakes import FrozenClock

MakeVisit = Callable[..., Visit]

NOBODY = 65534


def test_a_sound_folder_is_well(visit: MakeVisit, data: Path) -> None:
    checks = (data_folder, private_folder, free_space, clock)

    found = [finding for check in checks for finding in check(visit())]

    assert [finding.level for finding in found] == [Level.OK] * 4
    assert sorted(path.name for path in data.iterdir()) == ["lock", "safelight.db"]


def test_a_folder_that_is_not_there_is_not_made(visit: MakeVisit, tmp_path: Path) -> None:
    (found,) = data_folder(visit(data=tmp_path / "none"))

    assert found.level is Level.WARNING
    assert "safelight up" in found.cure
    assert not (tmp_path / "none").exists()


def test_a_file_in_its_place_is_wrong(visit: MakeVisit, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    (found,) = data_folder(visit(data=tmp_path / "file"))

    assert found.level is Level.WRONG
    assert "is a file" in found.seen
    assert "--data" in found.cure


def test_a_folder_that_others_may_read_is_wrong(visit: MakeVisit, data: Path) -> None:
    data.chmod(0o755)

    (found,) = private_folder(visit())

    assert found.level is Level.WRONG
    assert "mode 755" in found.seen
    assert found.cure == f"chmod 700 {data}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_told(visit: MakeVisit, data: Path) -> None:
    assert owner(visit()) == []
    os.chown(data, NOBODY, NOBODY)

    (found,) = owner(visit())

    assert found.level is Level.WARNING
    assert found.cure == f"sudo -u '#{NOBODY}' safelight doctor"


def test_less_room_than_must_stay_free_is_wrong(visit: MakeVisit, data: Path) -> None:
    free = shutil.disk_usage(data).free

    (short,) = free_space(visit(min_free_bytes=2 * free))
    (soon,) = free_space(visit(min_free_bytes=free * 3 // 4))

    assert short.level is Level.WRONG
    assert "uploads are refused" in short.seen
    assert "SAFELIGHT_MIN_FREE_BYTES" in short.cure
    assert soon.level is Level.WARNING


def test_a_clock_that_differs_from_the_file_systems_is_wrong(visit: MakeVisit) -> None:
    (ahead,) = clock(visit(clock=FrozenClock(datetime.now(UTC) + timedelta(minutes=10))))
    (behind,) = clock(visit(clock=FrozenClock(datetime.now(UTC) - timedelta(minutes=10))))

    assert ahead.level is behind.level is Level.WRONG
    assert "differ by 0:" in ahead.seen
    assert "NTP" in behind.cure
