"""`safelight records`: carry the records from a data folder to Postgres."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from safelight.adapters.records import carry
from safelight.adapters.records.carry import Tally
from safelight.apps.carry import carry_to_postgres
from safelight.apps.kinds import remembered_kinds
from safelight.apps.wiring import keyring_path
from safelight.cli.options import settings
from safelight.cli.tell import err, errors_told, misused, out
from safelight.settings import Settings

app = typer.Typer(
    help="Carry the records from a data folder to Postgres.", no_args_is_help=True, add_completion=False
)  # fmt: skip


@app.callback()
def records() -> None:
    """Carry the records from a data folder to Postgres."""


@app.command()
def migrate(
    origin: Annotated[
        Path | None,
        typer.Option("--from", help="The data folder whose records they are. [SAFELIGHT_DATA; safelight-data]"),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--to", help="A database without records, postgresql://... [SAFELIGHT_DATABASE_URL]"),
    ] = None,
) -> None:
    """Carry all records from a data folder to Postgres, while no server runs, and compare them there.

    They are all there at the end, or none: it may be broken off, killed and run again. The folder stays as it is. What
    to set then is told at the end; the whole way is in docs/storage.md.
    """
    using = settings(data=origin, database_url=target)
    if using.database_url is None:
        raise misused(
            "There is no database to carry them to: say --to, or set SAFELIGHT_DATABASE_URL, postgresql://..."
        )
    with errors_told():
        carried = asyncio.run(_carry(using.data, using.database_url.get_secret_value()))
    out.print(_table(carried))
    out.print(f"All of them were read back from Postgres and compared. {using.data} is as it was.", markup=False)
    out.print("Set for every process, before any is started again:")
    for setting, why in _to_be_set(using):
        out.print(f"  {setting}\n      {why}", markup=False)
    out.print("What is lacking then says: safelight doctor")


async def _carry(folder: Path, url: str) -> Sequence[Tally]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err) as bar:
        task = bar.add_task("preparing", total=None)
        return await carry_to_postgres(
            folder,
            url,
            progress=carry.Progress(
                found=lambda rows: bar.update(task, total=rows),
                done=lambda what, rows: bar.update(task, description=what, advance=rows),
            ),
        )


def _table(carried: Sequence[Tally]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Table")
    table.add_column("Rows", justify="right")
    for tally in carried:
        table.add_row(tally.table, f"{tally.rows:,}")
    return table


def _to_be_set(using: Settings) -> Iterator[tuple[str, str]]:
    """Yield what every process has to be told from now on, and why."""
    folder, keyring = using.data.absolute(), keyring_path(using).absolute()
    yield (
        "SAFELIGHT_DATABASE_URL=postgresql://...",
        "the database that has the records now; without it, the folder's old ones would be served",
    )
    if keyring.exists():
        yield f"SAFELIGHT_KEYRING={keyring}", "its keys signed all tokens until now: copy the file to every host"
    if using.storage_url is None:
        yield (
            "SAFELIGHT_STORAGE_URL=s3://...",
            f"where the objects are to be, once they are there: safelight storage migrate --from {folder} --to s3://...",
        )
        yield f"SAFELIGHT_DATA={folder}", "instead, where the objects stay in the folder: every host shares it"
    yield f"SAFELIGHT_KINDS={_kinds_file(using)}", "your kinds file, the same on every host"
    yield f"SAFELIGHT_PUBLIC_URL={using.public_url or 'https://...'}", "where clients reach the API"


def _kinds_file(using: Settings) -> str:
    kinds = using.kinds or remembered_kinds(using.data)
    return "..." if kinds is None else str(kinds.absolute())
