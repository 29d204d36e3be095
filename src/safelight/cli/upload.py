"""`safelight upload`: send files to a running Safelight, with a progress bar each."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TransferSpeedColumn

from safelight.cli.tell import FAILED, misused, out
from safelight_client import Client, Image, NotAuthenticated, Retry, SafelightError
from safelight_client import Progress as Sent

WORKING = {"requested": "asking", "uploading": "sending", "confirmed": "sent", "processing": "rendering"}


def upload(
    files: Annotated[list[Path], typer.Argument(help="Image files.", exists=True, dir_okay=False, readable=True)],
    kind: Annotated[str, typer.Option("--kind", "-k", help="The kind of image that they are.")],
    attach: Annotated[str | None, typer.Option(help="The record that they belong to, as TYPE:ID.")] = None,
    url: Annotated[str, typer.Option(envvar="SAFELIGHT_URL", help="Where Safelight runs.")] = "http://127.0.0.1:8080",
    key: Annotated[str | None, typer.Option(envvar="SAFELIGHT_API_KEY", help="An API key.")] = None,
) -> None:
    """Upload files through all six steps, and say where their variants are."""
    if key is None:
        raise misused("An API key is needed: --key, or SAFELIGHT_API_KEY.", "`safelight keys create NAME` makes one.")
    target = _target(attach)
    done: list[Image] = []
    bars = _bars()
    with _client(url, key, bars) as client, bars:
        for file in files:
            bar = bars.add_task("asking", name=file.name, total=max(1, file.stat().st_size))
            try:
                done.append(client.upload(file, kind=kind, attach=target, on_progress=_onto(bars, bar)))
            except (SafelightError, OSError) as error:
                code = error.code if isinstance(error, SafelightError) else "unreadable"
                bars.update(bar, description=f"[red]{code}[/red]")
                bars.console.print(f"{file}: {_told(error)}", style="red", markup=False, soft_wrap=True)
            else:
                bars.update(bar, description="[green]ready[/green]", completed=max(1, file.stat().st_size))
    for image in done:
        _show(image)
    if any(not image.public for image in done):
        out.print("\nThese URLs hold a read token: whoever has one can see its image.")
    if len(done) < len(files):
        raise typer.Exit(FAILED)


def _client(url: str, key: str, bars: Progress) -> Client:
    try:
        return Client(url, api_key=key, retry=Retry(on_wait=waiting_above(bars) if out.is_terminal else None))
    except ValueError as error:
        raise misused(f"--url, or SAFELIGHT_URL: {error}") from None


def waiting_above(bars: Progress) -> Callable[[str, float], None]:
    """Return a listener that says above the bars what is waited for."""

    def waiting(why: str, seconds: float) -> None:
        said = f"{why} Trying again in {math.ceil(seconds)} s."
        bars.console.print(said, style="yellow", markup=False, soft_wrap=True)

    return waiting


def _told(error: Exception) -> str:
    if isinstance(error, NotAuthenticated) and error.code == "not_authenticated":  # other codes are of tokens
        return "The server does not take this API key. See --key, or SAFELIGHT_API_KEY, and `safelight keys list`."
    return str(error)


def _show(image: Image) -> None:
    out.print(f"\n[bold]{escape(str(image.filename))}[/bold]  {image.id}  {image.width}x{image.height}")
    for name in image.variants:
        out.print(f"  {name:10} {image.url(name, with_token=True)}", markup=False)


def _target(attach: str | None) -> tuple[str, str] | None:
    if attach is None:
        return None
    record_type, colon, record_id = attach.partition(":")
    if not (record_type and colon and record_id):
        raise misused(f"--attach {attach!r} is not of the form TYPE:ID, such as user:42")
    return record_type, record_id


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.fields[name]:24.24}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
        disable=not out.is_terminal,
        console=out,
    )


def _onto(bars: Progress, bar: TaskID) -> Callable[[Sent], None]:
    """Return a listener that moves the bar."""

    def moved(sent: Sent) -> None:
        total = bars.tasks[bar].total or 1
        bars.update(bar, description=WORKING.get(sent.step, sent.step), completed=sent.fraction * total)

    return moved
