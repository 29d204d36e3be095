"""The doctor beside a real server, and under limits that only the operating system can set."""

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safelight.testing.server import Server
from safelight_client import Client

Command = Callable[..., subprocess.CompletedProcess[str]]

WITHIN_S = 120


def test_beside_a_sound_server_all_is_well(
    server: Server, client: Client, command: Command, picture: Callable[[int], bytes]
) -> None:
    client.upload(picture(1), kind="private-photo", filename="a.jpg")

    done = command("doctor", "--json", "--data", server.data, "--port", _port(server), public_url=server.url)

    found = _by_name(done)
    assert done.returncode == 0, done.stdout
    assert {finding["level"] for finding in found.values()} == {"ok"}
    assert found["server"]["seen"] == "running"
    assert found["port"]["seen"] == f"the server answers at {server.url}"
    assert found["signed URLs"]["seen"] == f"{server.url} is this Safelight"
    assert found["objects"]["seen"].startswith("all 7 ")


def test_with_the_server_stopped_all_is_well_and_a_person_can_read_it(server: Server, command: Command) -> None:
    server.stop()

    done = command("doctor", "--data", server.data, port="0")

    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("✓ server            not running\n")
    assert done.stdout.endswith("All is well.\n")


def test_the_public_url_of_another_safelight_is_told_by_its_keys(
    server: Server, start_server: Callable[..., Server], command: Command
) -> None:
    other = start_server("other")

    done = command("doctor", "--json", "--data", server.data, "--port", _port(server), public_url=other.url)

    found = _by_name(done)
    assert done.returncode == 1
    assert found["public URL"]["level"] == "ok"
    assert found["signed URLs"]["level"] == "wrong"
    assert f"{other.url} is not this Safelight: it says 403" in found["signed URLs"]["seen"]


def test_what_is_wrong_is_marked_and_an_arrow_shows_the_cure(server: Server, command: Command) -> None:
    server.data.chmod(0o755)

    done = command("doctor", "--data", server.data, "--port", _port(server))

    assert done.returncode == 1
    lines = [line.strip() for line in done.stdout.splitlines()]
    told = lines.index("✗ privacy           other users of this machine may look into the data folder (mode 755)")
    assert lines[told + 1] == f"-> chmod 700 {server.data}"
    assert "1 wrong, 0 to know of." in done.stdout


def test_a_port_that_another_program_has_is_told_to_a_stopped_server(server: Server, command: Command) -> None:
    """The fault: another Safelight has the port."""
    done = command("doctor", "--json", "--data", server.data.with_name("new"), "--port", _port(server))

    assert done.returncode == 1
    assert _by_name(done)["port"]["level"] == "wrong"
    assert _by_name(done)["data folder"]["level"] == "warning"


@pytest.mark.skipif(
    subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode != 0  # noqa: S607
    if shutil.which("unshare")
    else True,
    reason="needs a mount namespace",
)
def test_a_data_folder_on_a_read_only_file_system_is_wrong(server: Server) -> None:
    server.stop()
    folder = shlex.quote(str(server.data))

    done = _in_shell(
        f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder} && exec {_doctor(server.data)}",
        "unshare",
        "-rm",
    )

    found = _by_name(done)
    assert done.returncode == 1
    assert found["data folder"]["level"] == "wrong"
    assert "Read-only file system" in found["data folder"]["seen"]
    assert "Mount it writable" in found["data folder"]["cure"]


def test_limits_of_the_operating_system_are_told(server: Server) -> None:
    server.stop()

    done = _in_shell(f"ulimit -n 256; ulimit -f 0; exec {_doctor(server.data)}")

    found = _by_name(done)
    assert done.returncode == 1
    assert found["open files"]["level"] == "warning"
    assert found["open files"]["seen"].startswith("256 are allowed; 2,000 connections may need ")
    assert found["memory files"]["level"] == "wrong"
    assert "ulimit -f" in found["memory files"]["cure"]
    assert found["temporary folder"]["level"] == "wrong"
    assert "TMPDIR" in found["temporary folder"]["cure"]


def _by_name(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    """Return the findings by name; of those of one name, the worst."""
    rank = ["ok", "warning", "wrong"]
    findings = sorted(json.loads(done.stdout), key=lambda finding: rank.index(finding["level"]))
    return {finding["name"]: finding for finding in findings}


def _doctor(data: Path) -> str:
    return shlex.join([sys.executable, "-m", "safelight", "doctor", "--json", "--port", "0", "--data", str(data)])


def _in_shell(script: str, *around: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the test's own words
        [*around, "/bin/sh", "-c", script], capture_output=True, text=True, timeout=WITHIN_S, check=False
    )


def _port(server: Server) -> str:
    return server.url.rpartition(":")[2]
