"""`safelight upload`: send files to a running Safelight, with a progress bar each."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TransferSpeedColumn

from safelight.cli.tell import FAILED, MISUSED, err, out
from safelight_client import Client, Image, SafelightError
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
        err.print("[red]An API key is needed:[/red] --key, or SAFELIGHT_API_KEY. `safelight keys create` makes one.")
        raise typer.Exit(MISUSED)
    target = _target(attach)
    done: list[Image] = []
    with Client(url, api_key=key) as client, _bars() as bars:
        for file in files:
            bar = bars.add_task("asking", name=file.name, total=max(1, file.stat().st_size))
            try:
                done.append(client.upload(file, kind=kind, attach=target, on_progress=_onto(bars, bar)))
            except SafelightError as error:
                bars.update(bar, description=f"[red]{error.code}[/red]")
                bars.console.print(f"[red]{file}: {error}[/red]", soft_wrap=True)
            else:
                bars.update(bar, description="[green]ready[/green]", completed=max(1, file.stat().st_size))
    for image in done:
        out.print(f"\n[bold]{image.filename}[/bold]  {image.id}  {image.width}x{image.height}")
        for name in image.variants:
            out.print(f"  {name:10} {image.url(name)}")
    if len(done) < len(files):
        raise typer.Exit(FAILED)


def _target(attach: str | None) -> tuple[str, str] | None:
    if attach is None:
        return None
    record_type, colon, record_id = attach.partition(":")
    if not (record_type and colon and record_id):
        err.print(f"[red]--attach {attach!r} is not of the form TYPE:ID[/red], such as user:42")
        raise typer.Exit(MISUSED)
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
