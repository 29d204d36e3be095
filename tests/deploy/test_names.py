"""What stands anywhere in `deploy/`: settings and commands that there are, and nothing that is secret."""

import re
from pathlib import Path

import pytest

from safelight.cli.app import Commands
from safelight.settings.names import OF_THE_CLIENT, names

ROOT = Path(__file__).parents[2]
FILES = [file for file in sorted((ROOT / "deploy").rglob("*")) if file.is_file() and "secrets" not in file.parts]
PAGE = ROOT / "docs/deploy.md"

SETTING = re.compile(r"\bSAFELIGHT_[A-Z_]+\b")
CODE = re.compile(r"`[^`\n]+`|^    .*$", re.MULTILINE)
COMMAND = re.compile(r"(?:^|[\s`/])safelight ((?:[a-z]+-?)+)")


@pytest.mark.parametrize("file", [*FILES, PAGE], ids=lambda file: file.relative_to(ROOT).as_posix())
def test_every_setting_that_is_named_is_one(file: Path):
    assert {*SETTING.findall(file.read_text())} <= {*names().values(), *OF_THE_CLIENT}


def test_every_command_of_the_page_is_one():
    told = {*COMMAND.findall("\n".join(CODE.findall(PAGE.read_text())))}

    assert told
    assert told <= Commands.table.keys()


def test_the_page_leads_to_every_folder():
    folders = {path.name for path in (ROOT / "deploy").iterdir() if path.is_dir()}

    assert folders == {*re.findall(r"\(\.\./deploy/([a-z]+)/", PAGE.read_text())}


def test_files_name_no_address_of_anybody():
    hosts = {host for file in FILES for host in re.findall(r"https?://([a-z0-9.-]+\.[a-z]+)", file.read_text())}

    assert {host for host in hosts if not host.endswith(".example")} == set()
