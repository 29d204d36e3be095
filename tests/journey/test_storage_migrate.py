"""`safelight storage migrate`: from store to store, beside a running server."""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from safelight.testing.s3 import S3Place
from safelight.testing.server import Server, files_below

CallAs = Callable[[Server], AbstractContextManager[Any]]


@pytest.fixture
def bucket(s3: S3Place, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty part of a bucket, which whatever is started may use."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return s3.new_url()


def test_a_folder_is_copied_beside_the_server_and_a_second_time_nothing(
    server: Server, call_as_application: CallAs, command: Any, file: bytes, tmp_path: Path
):
    with call_as_application(server) as api:
        api.ready(file)
    target = tmp_path / "other"
    words = ("storage", "migrate", "--from", server.data, "--to", target, "--data", server.data)

    first, second = command(*words), command(*words, "--verify")

    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert "Run it again for what came meanwhile" in first.stdout
    assert "0 objects copied" in second.stdout
    assert "every object that a record asks for is there" in second.stdout
    kept = {path.relative_to(server.data) for path in server.stored() if "incoming" not in path.parts}
    assert kept == {path.relative_to(target) for path in files_below(target)}
    assert all((target / path).read_bytes() == (server.data / path).read_bytes() for path in kept)


def test_a_bucket_has_all_that_the_folder_had(
    server: Server, call_as_application: CallAs, command: Any, file: bytes, bucket: str
):
    with call_as_application(server) as api:
        api.ready(file)

    there = command("storage", "migrate", "--from", server.data, "--to", bucket, "--data", server.data)
    again = command("storage", "migrate", "--from", server.data, "--to", bucket, "--data", server.data, "--verify")

    assert there.returncode == again.returncode == 0, there.stderr + again.stderr
    assert "0 objects copied" in again.stdout
    assert "every object that a record asks for is there" in again.stdout


@pytest.mark.parametrize(
    ("origin", "target", "said"),
    [
        ("nowhere", "other", "There are no objects in nowhere"),
        ("s3://bucket", "other", "region"),
        ("s3://one?region=eu-central-1", "s3://one?region=eu-central-1", "Both stores are the same"),
    ],
)
def test_a_place_that_is_none_is_told(command: Any, origin: str, target: str, said: str):
    done = command("storage", "migrate", "--from", origin, "--to", target)

    assert done.returncode != 0
    assert said in done.stderr


def test_a_pass_that_is_killed_goes_on_where_it_was(
    server: Server, call_as_application: CallAs, command: Any, picture: Callable[[int], bytes], tmp_path: Path
):
    with call_as_application(server) as api:
        images = [api.uploaded(picture(number)) for number in range(6)]
        for image in images:
            api.final(image["id"])
    target = tmp_path / "other"
    words = ["storage", "migrate", "--from", server.data, "--to", target, "--data", server.data, "--parallel", "1"]

    killed = subprocess.Popen(  # noqa: S603 - our own program, with a test's words
        [sys.executable, "-m", "safelight", *map(str, words)], cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    while not len(files_below(target / "store" / "objects")) > 2:
        assert killed.poll() is None
        time.sleep(0.001)
    killed.kill()
    killed.wait()
    before = {path: path.read_bytes() for path in files_below(target / "store" / "objects")}
    done = command(*words, "--verify")

    whole = {path.relative_to(server.data) for path in server.stored("objects") if "incoming" not in path.parts}
    assert 0 < len(before) < len(whole)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"\b{len(whole) - len(before)} objects copied and compared", done.stdout)
    assert whole == {path.relative_to(target) for path in files_below(target / "store" / "objects")}
    assert all((target / path).read_bytes() == (server.data / path).read_bytes() for path in whole)
