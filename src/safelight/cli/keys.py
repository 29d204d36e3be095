"""`safelight keys`: make, list and revoke the application's API keys, whether a server runs or not."""

import asyncio
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from safelight.adapters.system import SystemClock, SystemIds
from safelight.apps.api_keys import EVERY_SCOPE, create_key, revoke_key
from safelight.apps.data_folder import records_in
from safelight.cli.options import Data, settings
from safelight.cli.tell import FAILED, err, errors_told, misused, out
from safelight.domain.who import ApiKey, ApiKeyId, Scope

NAME_SHOWN = 14
"""So much of a name leaves each key its one line on a terminal of 80 columns."""

UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of what moves the cursor, turns the direction of writing, or has no shape."""

app = typer.Typer(
    help="Make, list and revoke API keys, whether the server runs or not.", no_args_is_help=True, add_completion=False
)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What to call the key, such as the application that gets it.")],
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may do; may be given several times. By default everything.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the key and nothing else.")] = False,
    data: Data = None,
) -> None:
    """Make a key and print it. It is shown this once: only its hash is kept."""
    scopes = frozenset(scope or EVERY_SCOPE)
    _see_that_it_can_be_read(name)
    using = settings(data=data)
    with errors_told(using):
        key = asyncio.run(_create(using.data, name, scopes))
    if quiet:
        typer.echo(key)
        return
    out.print(f"Made the key {name!r}, which may {_words(scopes)}. It is shown this once: keep it.", markup=False)
    typer.echo(key)


@app.command("list")
def list_keys(data: Data = None) -> None:
    """List all keys, without their secrets."""
    using = settings(data=data)
    with errors_told(using):
        keys = asyncio.run(_list(using.data))
    if not keys:
        out.print("There are no keys. `safelight keys create NAME` makes one.")
        return
    out.print(_table(keys), soft_wrap=False)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as the list shows it.")], data: Data = None
) -> None:
    """Revoke a key, from this moment on and for good."""
    using = settings(data=data)
    with errors_told(using):
        revoked = asyncio.run(_revoke(using.data, ApiKeyId(key_id)))
    if not revoked:
        err.print(f"There is no key {key_id}, or it was revoked before.", style="red", markup=False)
        err.print("`safelight keys list` shows what there is.")
        raise typer.Exit(FAILED)
    out.print(f"Revoked {key_id}")


async def _create(folder: Path, name: str, scopes: frozenset[Scope]) -> str:
    async with records_in(folder) as records:
        return await create_key(name, scopes, records=records, clock=SystemClock(), ids=SystemIds())


async def _list(folder: Path) -> Sequence[ApiKey]:
    async with records_in(folder) as records, records.reading() as snapshot:
        return await snapshot.api_keys()


async def _revoke(folder: Path, key_id: ApiKeyId) -> bool:
    async with records_in(folder) as records:
        return await revoke_key(key_id, records=records, clock=SystemClock())


def _table(keys: Sequence[ApiKey]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("ID", "Made (UTC)", "May", "Name"):
        table.add_column(heading, overflow="ellipsis", no_wrap=True)
    for key in keys:
        style = "dim" if key.revoked_at else None
        may = "everything" if key.scopes >= EVERY_SCOPE else _words(key.scopes)
        if key.revoked_at:
            may = f"revoked {key.revoked_at:%Y-%m-%d}"
        name = Text(key.name)
        name.truncate(NAME_SHOWN, overflow="ellipsis")
        cells = (key.id, f"{key.created_at:%Y-%m-%d}", may, name.plain)
        table.add_row(*map(Text, cells), style=style)
    return table


def _see_that_it_can_be_read(name: str) -> None:
    """End the command where the name shows nothing, or could make a list show something else than is there."""
    if not name.strip() or any(unicodedata.category(sign) in UNSHOWN for sign in name):
        raise misused("A key needs a name that can be read: letters and signs, without control characters.")


def _words(scopes: frozenset[Scope]) -> str:
    return " ".join(scope for scope in Scope if scope in scopes)
