"""What the README says of many hosts works as it is written, on a real Postgres and a real bucket."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from safelight.testing.postgres import Postgres
from safelight.testing.s3 import S3Place

README = (Path(__file__).parents[2] / "README.md").read_text()
INSTALLATION = "make install && PATH=$PWD/.venv/bin:$PATH"
"""It is done: these tests run in it."""


def commands(database_url: str, storage_url: str) -> str:
    """Return the commands of the README, for this database and this bucket, with nobody there to ask."""
    section = README.partition("## More than one machine\n")[2].partition("\n## ")[0]
    text = "\n".join(re.findall(r"^    (.*)$", section, re.MULTILINE))
    for shown, here in (
        (INSTALLATION, f"PATH={Path(sys.executable).parent}:$PATH"),
        ("postgresql://...", f"'{database_url}'"),
        ("'s3://bucket?region=...'", f"'{storage_url}'"),
        ("--apply", "--apply --yes"),
        ("\nsafelight api ", "\nexec safelight api "),
    ):
        assert text.count(shown) == 1, shown
        text = text.replace(shown, here)
    return text


@pytest.fixture
def serving(postgres: Postgres, s3: S3Place, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The commands of the README, which end with the API."""
    database_url = postgres.create_database("readme")
    [kinds] = re.findall(r"```python\n(# images\.py.*?)```", README, re.DOTALL)
    (tmp_path / "images.py").write_text(kinds)
    with subprocess.Popen(  # noqa: S603 - our own documentation
        ["/bin/bash", "-euo", "pipefail", "-c", commands(database_url, s3.new_bucket_url())],
        cwd=tmp_path, env={**os.environ, **s3.environment, "SAFELIGHT_PORT": "0"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        yield process
        process.terminate()


def test_the_commands_of_the_readme_end_with_an_api_that_takes_the_key_which_they_made(
    serving: subprocess.Popen[str],
) -> None:
    assert serving.stdout is not None
    said = ""

    while not (listens := re.search(r" api listens on (http://\S+),", said)) and (line := serving.stdout.readline()):
        said += line

    assert listens, said
    [key] = re.findall(r"^sl_[\w-]+$", said, re.MULTILINE)
    kinds = httpx.get(f"{listens[1]}/v1/kinds", headers={"Authorization": f"Bearer {key}"})
    assert "avatar" in kinds.text
    assert httpx.get(f"{listens[1]}/readyz").status_code == 200
