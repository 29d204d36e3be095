"""`safelight keys`: make, list, rotate and revoke the application's API keys, whether a server runs or not."""

import asyncio
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from safelight.adapters.system import SystemClock, SystemIds
from safelight.apps.api_keys import EVERY_SCOPE, create_key, revoke_key, rotate_key
from safelight.apps.beside import records_for
from safelight.cli.durations import duration
from safelight.cli.options import Data, settings
from safelight.cli.tell import FAILED, err, errors_told, misused, out
from safelight.domain.who import ApiKey, ApiKeyId, Scope
from safelight.settings import Settings

NAME_SHOWN = 14
"""So much of a name leaves each key its one line on a terminal of 80 columns."""

UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of what moves the cursor, turns the direction of writing, or has no shape."""

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the key and nothing else.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as the list shows it.")]

app = typer.Typer(
    help="Make, list, rotate and revoke API keys, whether the server runs or not.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What to call the key, such as the application that gets it.")],
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may do; may be given several times. By default everything.")
    ] = None,
    expires: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="TIME", help="Let it end after so long, such as 12h or 30d."),
    ] = None,
    quiet: Quiet = False,
    data: Data = None,
) -> None:
    """Make a key and print it. It is shown this once: only its hash is kept."""
    scopes = frozenset(scope or EVERY_SCOPE)
    _see_that_it_can_be_read(name)
    using = settings(data=data)
    with errors_told(using):
        key = asyncio.run(_create(using, name, scopes, expires))
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
        keys = asyncio.run(_list(using))
    if not keys:
        out.print("There are no keys. `safelight keys create NAME` makes one.")
        return
    out.print(_table(keys, SystemClock().now()), soft_wrap=False)


@app.command()
def rotate(
    key_id: KeyId,
    overlap: Annotated[
        timedelta,
        typer.Option(parser=duration, metavar="TIME", help="How long the old key stays good, such as 90m, 24h or 7d."),
    ] = "24h",  # type: ignore[assignment]  # Typer parses a default as well
    quiet: Quiet = False,
    data: Data = None,
) -> None:
    """Make a key of the same name that may do the same, print it this once, and let the old one end a while later."""
    using = settings(data=data)
    with errors_told(using):
        key, ends_at = asyncio.run(_rotate(using, ApiKeyId(key_id), overlap))
    if quiet:
        typer.echo(key)
        return
    out.print(f"Made a new key for {key_id}, which ends at {ends_at:%Y-%m-%d %H:%M} UTC.", markup=False)
    out.print("The new one is shown this once: keep it.")
    typer.echo(key)


@app.command()
def revoke(key_id: KeyId, data: Data = None) -> None:
    """Revoke a key, from this moment on and for good."""
    using = settings(data=data)
    with errors_told(using):
        revoked = asyncio.run(_revoke(using, ApiKeyId(key_id)))
    if not revoked:
        err.print(f"There is no key {key_id}, or it was revoked before.", style="red", markup=False)
        err.print("`safelight keys list` shows what there is.")
        raise typer.Exit(FAILED)
    out.print(f"Revoked {key_id}")


async def _create(using: Settings, name: str, scopes: frozenset[Scope], expires: timedelta | None) -> str:
    clock = SystemClock()
    expires_at = None if expires is None else clock.now() + expires
    async with records_for(using) as records:
        return await create_key(name, scopes, expires_at=expires_at, records=records, clock=clock, ids=SystemIds())


async def _rotate(using: Settings, key_id: ApiKeyId, overlap: timedelta) -> tuple[str, datetime]:
    async with records_for(using) as records:
        return await rotate_key(key_id, overlap=overlap, records=records, clock=SystemClock(), ids=SystemIds())


async def _list(using: Settings) -> Sequence[ApiKey]:
    async with records_for(using) as records, records.reading() as snapshot:
        return await snapshot.api_keys()


async def _revoke(using: Settings, key_id: ApiKeyId) -> bool:
    async with records_for(using) as records:
        return await revoke_key(key_id, records=records, clock=SystemClock())


def _table(keys: Sequence[ApiKey], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("ID", "Made (UTC)", "May"):
        table.add_column(heading, no_wrap=True)
    table.add_column("Name")  # where there is no room for all, names are cut
    for key in keys:
        name = Text(key.name, no_wrap=True, overflow="ellipsis")
        name.truncate(NAME_SHOWN, overflow="ellipsis")
        cells = (Text(key.id), Text(f"{key.created_at:%Y-%m-%d}"), Text(_may(key, now)), name)
        table.add_row(*cells, style="dim" if key.has_ended(now) else None)
    return table


def _may(key: ApiKey, now: datetime) -> str:
    """Return what a key may do and when it ends, or since when it may nothing any more."""
    if key.revoked_at:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    if key.has_ended(now):
        return f"ended {key.expires_at:%Y-%m-%d}"
    may = "everything" if key.scopes >= EVERY_SCOPE else _words(key.scopes)
    return f"{may}, ends {key.expires_at:%Y-%m-%d}" if key.expires_at else may


def _see_that_it_can_be_read(name: str) -> None:
    """End the command where the name shows nothing, or could make a list show something else than is there."""
    if not name.strip() or any(unicodedata.category(sign) in UNSHOWN for sign in name):
        raise misused("A key needs a name that can be read: letters and signs, without control characters.")


def _words(scopes: frozenset[Scope]) -> str:
    return " ".join(scope for scope in Scope if scope in scopes)
