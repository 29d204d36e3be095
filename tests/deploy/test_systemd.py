"""The units: what systemd itself says of them, and whether Safelight can live under what they forbid."""

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from safelight.cli.app import Commands
from safelight.testing.debian import installed
from safelight.testing.server import Server
from safelight_client import Client

UNITS = Path(__file__).parents[2] / "deploy/systemd"
COMMON = UNITS / "safelight-.service.d/common.conf"
CONFINED = Path(__file__).with_name("confined.py")
PROGRAM = "/opt/safelight/bin/safelight"

STARTED = ("safelight-up.service", "safelight-api@8080.service", "safelight-worker@8091.service",
           "safelight-uploads.service", "safelight-migrate.service")  # fmt: skip

WORST_EXPOSURE = 20
"""In tenths, as `systemd-analyze security` counts: 0 is sealed off, 100 is no protection at all. These have 15."""


def systemd(program: str, *words: object, **env: str) -> subprocess.CompletedProcess[str]:
    """Run one of systemd's programs, which need no systemd to be running."""
    return subprocess.run(  # noqa: S603 - Debian's program
        [installed(program, "systemd"), *map(str, words)],
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def said(*files: Path) -> dict[str, list[str]]:
    """Return what unit files set, in their order, by name."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in "\n".join(file.read_text() for file in files).splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found[name].append(value)
    return found


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """A folder of the units, whose program is there."""
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    for unit in folder.glob("*.service"):
        unit.write_text(unit.read_text().replace(PROGRAM, str(Path(sys.executable).with_name("safelight"))))
    return folder


@pytest.mark.parametrize("unit", STARTED)
def test_systemd_understands_every_line(units: Path, unit: str):
    found = systemd("systemd-analyze", "verify", "--man=no", unit, SYSTEMD_UNIT_PATH=f"{units}:")

    assert (found.stderr, found.returncode) == ("", 0)


def test_systemd_would_see_a_line_that_it_does_not_understand(units: Path):
    (units / "safelight-.service.d/more.conf").write_text("[Service]\nProtectSytem=strict\n")

    found = systemd("systemd-analyze", "verify", "--man=no", STARTED[0], SYSTEMD_UNIT_PATH=f"{units}:")

    assert "ProtectSytem" in found.stderr


@pytest.mark.parametrize("unit", STARTED)
def test_a_unit_is_exposed_to_little(units: Path, tmp_path: Path, unit: str):
    root = tmp_path / "root"
    shutil.copytree(units, root / "etc/systemd/system")

    found = systemd(
        "systemd-analyze", "security", "--offline=true", f"--root={root}", f"--threshold={WORST_EXPOSURE}", unit
    )

    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("unit", sorted(UNITS.glob("*.service")), ids=lambda unit: unit.name)
def test_a_unit_runs_a_command_that_there_is(unit: Path):
    (started,) = said(unit)["ExecStart"]

    assert started.startswith(f"{PROGRAM} ")
    assert started.removeprefix(f"{PROGRAM} ") in Commands.table


def test_no_unit_gets_a_secret_that_it_does_not_need():
    holders = {unit.name for unit in UNITS.glob("*.service") if "keyring.json" in unit.read_text()}

    assert holders == {"safelight-api@.service", "safelight-uploads.service"}


def test_user_and_folders_are_made(tmp_path: Path):
    (tmp_path / "etc").mkdir()

    users = systemd("systemd-sysusers", f"--root={tmp_path}", UNITS / "safelight.sysusers")
    folders = systemd("systemd-tmpfiles", "--create", f"--root={tmp_path}", UNITS / "safelight.tmpfiles")

    assert (users.returncode, folders.returncode) == (0, 0), f"{users.stderr}{folders.stderr}"
    assert "\nsafelight:" in f"\n{(tmp_path / 'etc/passwd').read_text()}"
    assert (tmp_path / "etc/safelight/secrets").stat().st_mode & 0o777 == 0o700


@pytest.fixture(scope="module")
def calls() -> Sequence[str]:
    """The system calls that the units allow."""
    allowed: set[str] = set()
    for line in said(COMMON)["SystemCallFilter"]:
        words = line.removeprefix("~").split()
        named = {call for word in words for call in _calls(word)}
        allowed = allowed - named if line.startswith("~") else allowed | named
    return sorted(allowed)


def _calls(word: str) -> set[str]:
    """Return the calls of a group of systemd's, or the one call."""
    if not word.startswith("@"):
        return {word}
    lines = systemd("systemd-analyze", "syscall-filter", word).stdout.splitlines()[1:]
    members = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    return {call for member in members for call in _calls(member)}


def test_an_image_goes_the_whole_road_under_what_the_units_forbid(calls: Sequence[str], tmp_path: Path, photo: Path):
    confined = [str(CONFINED), *calls, "--", sys.executable, "-m", "safelight"]

    with Server(tmp_path / "data", {"min_free_bytes": "0"}, program=confined) as server:
        with Client(server.url, api_key=server.key) as client:
            image = client.upload(photo, kind="photo")
        held = Path(f"/proc/{server.pid}/status").read_text()
        ended = server.stop()

    assert {"thumb", "medium", "large"} <= image.variants.keys()
    assert "Seccomp:\t2" in held
    assert ended == 0


@pytest.mark.parametrize(
    ("deed", "calls_it"),
    [
        ("mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)", "memory that is written and run"),
        ("os.chown('.', 0, 0)", "a privileged call"),
        ("socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", "another family of sockets"),
    ],
)
def test_what_the_units_forbid_is_forbidden_here(calls: Sequence[str], deed: str, calls_it: str):
    program = [sys.executable, "-c", f"import mmap, os, socket; {deed}"]

    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, CONFINED, *calls, "--", *program], capture_output=True, text=True, timeout=60, check=False
    )

    assert "Operation not permitted" in done.stderr, calls_it
