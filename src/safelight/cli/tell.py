"""How the command line speaks to people, and ends when it cannot go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from safelight.settings import Settings

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

FAILED = 1
"""It could not be done, or something is wrong. What it was stands on standard error."""
MISUSED = 2
"""The command does not take what it was given, or the settings cannot be used. Nothing was done."""


@contextmanager
def errors_told(using: "Settings | None" = None, *, port: int | None = None) -> Iterator[None]:
    """Say what went wrong and what to do, and exit with 1, where it is something that a person can act on.

    `using` are the settings that the command works with, so that it can name what is to be changed; `port` is the one
    that it listens on, where it does.
    """
    try:
        yield
    except Exception as error:
        from safelight.cli.sentences import sentence  # noqa: PLC0415 - knows errors of everything; upload needs none

        said = sentence(error, using, port)
        if said is None:
            raise
        err.print(f"[red]{escape(said)}[/red]")
        raise typer.Exit(FAILED) from None


def confirm(question: str) -> None:
    """Ask, and end the command where the answer is not yes. Where nobody answers, say that --yes does."""
    try:
        agreed = typer.confirm(question)
    except typer.Abort:
        err.print("\nNobody said yes, so nothing was changed. Without a terminal, say --yes as well.", style="red")
        raise typer.Exit(FAILED) from None
    if not agreed:
        raise typer.Abort


def misused(*lines: str) -> typer.Exit:
    """Say what was given wrongly, the first line in red; return what to raise."""
    for number, line in enumerate(lines):
        err.print(escape(line), style=None if number else "red")
    return typer.Exit(MISUSED)
