"""`safelight upload`: what it refuses before anything is sent, and what it says of protected images."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from click.testing import Result
from rich.console import Console
from rich.progress import Progress

from safelight.cli.upload import waiting_above
from safelight.testing.server import Server

Run = Callable[..., Result]


def test_what_is_no_address_is_told_with_the_option(run: Run, photo: Path) -> None:
    refused = run("upload", photo, "--kind", "photo", "--key", "k", "--url", "foo")

    assert refused.exit_code == 2
    assert "--url" in refused.stderr
    assert "http://" in refused.stderr


def test_a_key_that_is_not_taken_is_told_with_the_option(
    run: Run, photo: Path, start_server: Callable[..., Server]
) -> None:
    server = start_server("served", min_free_bytes="0")

    refused = run("upload", photo, "--kind", "photo", "--key", "not-one", "--url", server.url)

    assert refused.exit_code == 1
    assert "--key, or SAFELIGHT_API_KEY" in refused.stdout
    assert "Bearer" not in refused.stdout


def test_what_is_waited_for_is_one_line_above_the_bars():
    told = StringIO()
    bars = Progress(console=Console(file=told, force_terminal=False, width=40))

    waiting_above(bars)("No answer from bucket.example:9000 ([Errno 111] refused).", 0.4)

    assert told.getvalue() == "No answer from bucket.example:9000 ([Errno 111] refused). Trying again in 1 s.\n"


@pytest.mark.parametrize(("kind", "tokens"), [("private-photo", 3), ("photo", 0)])
def test_the_urls_of_a_protected_image_hold_its_token_and_it_is_told(
    run: Run, photo: Path, start_server: Callable[..., Server], kind: str, tokens: int
) -> None:
    server = start_server("served", min_free_bytes="0")

    done = run("upload", photo, "--kind", kind, "--key", server.key, "--url", server.url)

    assert done.exit_code == 0
    assert done.stdout.count("?read_token=") == tokens
    assert ("hold a read token" in done.stdout) == bool(tokens)
