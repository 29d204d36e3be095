"""`safelight storage`: prepare a bucket, and move between stores."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from safelight.adapters.s3.address import S3Address
from safelight.apps import move
from safelight.apps.logs import configure_logs
from safelight.apps.move import Passed, move_storage
from safelight.apps.storage import is_bucket
from safelight.cli.options import Data, settings
from safelight.cli.storage_setup import setup
from safelight.cli.tell import FAILED, err, errors_told, misused, out
from safelight.settings import Settings
from safelight.upkeep.move import Copying, Fate, Moved

PARALLEL = 16
SHOWN = 20
"""Failures that are told in words; the others are counted."""

app = typer.Typer(help="Prepare a bucket, and move between stores.", no_args_is_help=True, add_completion=False)


@app.callback()
def storage() -> None:
    """Prepare a bucket, and move between stores."""


app.command()(setup)


@app.command()
def migrate(
    origin: Annotated[str, typer.Option("--from", help="Where the objects are: a data folder, or s3://bucket?...")],
    target: Annotated[str, typer.Option("--to", help="Where they are to be: a data folder, or s3://bucket?...")],
    parallel: Annotated[int, typer.Option(min=1, max=256, help="Objects copied at once.")] = PARALLEL,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read back what is there already, and look for all that a record asks for.")
    ] = False,
    data: Data = None,
) -> None:
    """Copy the objects that the records want from one store to another, each compared as it arrives.

    May run beside the servers, be broken off and be run again: it goes on where it was. Nothing is removed from the old
    store. How to move without downtime, with SAFELIGHT_STORAGE_MIRROR, is in docs/storage.md.
    """
    using = settings(data=data)
    configure_logs(using.log_format)
    origin, target = _place("--from", origin), _place("--to", target)
    with errors_told(using):
        passed = asyncio.run(_move(origin, target, using, Copying(parallel, using.upkeep_batch, verify=verify)))
    _tell(passed)
    if not passed.is_whole:
        raise typer.Exit(FAILED)


def _place(option: str, where: str) -> str:
    """Return where that is. Ends the command where it is no place."""
    if not is_bucket(where):
        return str(Path(where))
    try:
        S3Address.parse(where)
    except ValueError as error:
        raise misused(f"{option} {where}: {error}") from None
    return where


async def _move(origin: str, target: str, using: Settings, how: Copying) -> Passed:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[copied]} copied"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as bar:
        task = bar.add_task("counting", total=None, copied=decimal(0))
        copied = 0

        def found(objects: int, _bytes: int) -> None:
            bar.update(task, description="moving", total=objects)

        def done(moved: Moved) -> None:
            nonlocal copied
            copied += moved.stored.bytes if moved.fate is Fate.COPIED else 0
            bar.update(task, advance=1, copied=decimal(copied))

        return await move_storage(origin, target, using, how, move.Progress(found, done))


def _tell(passed: Passed) -> None:
    fates = passed.fates
    out.print(
        f"{fates[Fate.COPIED]:,} objects copied and compared ({decimal(passed.copied_bytes)}), "
        f"{fates[Fate.THERE]:,} were there already"
    )
    if fates[Fate.UNWANTED]:
        out.print(f"{fates[Fate.UNWANTED]:,} left behind: their images need them no more")
    if fates[Fate.UNKNOWN]:
        out.print(f"{fates[Fate.UNKNOWN]:,} left behind: these records have no such images")
    if passed.cleared:
        out.print(f"{passed.cleared:,} removed from the new store: deleted or made protected since they were copied")
    _tell_trouble(passed)
    if passed.is_whole:
        out.print(_next(passed))


def _next(passed: Passed) -> str:
    if passed.fates[Fate.COPIED] or passed.late:
        return "Run it again for what came meanwhile."
    if passed.missing is None:
        return "Nothing is left to copy. With --verify, all that a record asks for is looked for as well."
    return "Nothing is left to copy, and every object that a record asks for is there."


def _tell_trouble(passed: Passed) -> None:
    for moved in passed.failures[:SHOWN]:
        err.print(f"{moved.stored.key}: {moved.words}", markup=False, style="red")
    if len(passed.failures) > SHOWN:
        err.print(f"and {len(passed.failures) - SHOWN:,} more", style="red")
    if passed.failures:
        err.print(f"{len(passed.failures):,} objects could not be moved. Mend that, and run it again", style="red")
    for key in (passed.missing or ())[:SHOWN]:
        err.print(f"{key} is asked for by a record, and is in neither store", markup=False, style="red")
    if passed.is_of_other_records:
        err.print(
            "These records know none of the images of the old store, so they are probably not the right ones. Name "
            "those: SAFELIGHT_DATABASE_URL, or --data for a folder's own",
            style="red",
        )
