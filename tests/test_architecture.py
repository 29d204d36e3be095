"""What holds of the whole: who may import whom, and what is never loaded where requests are served."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from safelight.testing.server import Server

ROOT = Path(__file__).parents[1]

PIXELS = ("pyvips", "_libvips", "PIL", "pillow_heif", "safelight.imaging")
"""Packages that look into images."""

LIBRARIES_OF_PIXELS = re.compile(r"libvips|_libvips|_imaging|libheif|pillow_heif|libaom|libde265", re.IGNORECASE)
"""What such packages load into the memory of a process."""


def test_the_layers_hold():
    """Every contract on imports that pyproject.toml states is kept, and they are all there."""
    linted = subprocess.run(  # noqa: S603 - our own tool
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert linted.returncode == 0, linted.stdout
    assert "Contracts: 8 kept, 0 broken." in linted.stdout


@pytest.mark.parametrize("module", ["safelight.apps.api", "safelight.apps.uploads", "safelight.apps.all_in_one"])
def test_what_serves_requests_imports_nothing_that_looks_into_images(module: str):
    loaded = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", f"import {module}, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert module in loaded
    assert not [name for name in loaded if name.startswith(PIXELS)]


def test_the_running_server_has_no_image_library_in_its_memory_and_its_zygotes_have(server: Server):
    """Read from the kernel: no library was loaded under whatever name."""
    zygotes = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()

    assert _libraries_of_pixels(str(server.pid)) == set()
    assert zygotes
    assert all(_libraries_of_pixels(zygote) for zygote in zygotes)


def test_nothing_changes_an_event_of_the_audit_log_and_only_its_age_removes_it():
    """The one table that no code may update; deleted from only where upkeep forgets what is old."""
    verbs = re.compile(r"\b(insert|update|delete)\(\s*audit_event\b|\b(INSERT INTO|UPDATE|DELETE FROM) audit_event\b")
    files = {path.name: path.read_text() for path in (ROOT / "src").rglob("*.py")}

    writing = {(name, *filter(None, found)) for name, text in files.items() for found in verbs.findall(text)}

    assert writing == {("transaction.py", "insert"), ("forget.py", "delete")}


def _libraries_of_pixels(pid: str) -> set[str]:
    """Return the files of such libraries that are mapped into a process."""
    files = {line.split(maxsplit=5)[5].strip() for line in _maps(pid) if line.count("/")}
    return {file for file in files if LIBRARIES_OF_PIXELS.search(file)}


def _maps(pid: str) -> list[str]:
    return Path(f"/proc/{pid}/maps").read_text().splitlines()
