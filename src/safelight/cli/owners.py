"""`safelight owners`: see what owners use, block, unblock and erase them, whether a server runs or not."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from safelight.adapters.system import SystemClock, SystemIds
from safelight.apps.beside import database_for, records_for
from safelight.apps.owners import limits_of
from safelight.cli.options import Data, settings
from safelight.cli.tell import confirm, errors_told, misused, out
from safelight.deeds.remove import AT_ONCE
from safelight.domain.events import Origin
from safelight.domain.owner import Owner
from safelight.domain.who import SYSTEM
from safelight.settings import Settings
from safelight.upkeep.erase import Erased, erase_owner
from safelight.upkeep.owners import block_owner, unblock_owner

US = Origin(SYSTEM)


def _owner_id(given: str) -> str:
    """Return an id that can be one."""
    if not given or not _is_utf8(given):
        raise misused("An owner's id has one letter or more, in UTF-8.")
    return given


def _is_utf8(given: str) -> bool:
    try:
        given.encode()
    except UnicodeEncodeError:  # what was typed is kept in lone surrogates
        return False
    return True


OwnerId = Annotated[
    str, typer.Argument(metavar="OWNER", help="The user's id, as the application names it.", callback=_owner_id)
]

app = typer.Typer(
    help="See what owners use, block, unblock and erase them, whether the server runs or not.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command("list")
def list_owners(
    blocked: Annotated[bool, typer.Option("--blocked", help="Those alone that are blocked.")] = False,
    after: Annotated[str | None, typer.Option(metavar="OWNER", help="Begin after this owner.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="List so many at most.")] = 100,
    data: Data = None,
) -> None:
    """List owners and what they use, in order of their ids."""
    using = settings(data=data)
    with errors_told(using):
        owners = asyncio.run(_list(using, blocked=blocked, after=after, limit=limit + 1))
    if not owners:
        out.print("There are none.")
        return
    out.print(_table(owners[:limit]), soft_wrap=False)
    if len(owners) > limit:
        out.print(f"There are more: --after {readable(owners[limit - 1].id)}", markup=False)


@app.command()
def show(owner_id: OwnerId, data: Data = None) -> None:
    """Show what an owner uses, and what it may."""
    using = settings(data=data)
    with errors_told(using):
        owner = asyncio.run(_read(using, owner_id))
    used, limits = owner.used, limits_of(using)
    out.print(f"{readable(owner_id)} {_standing(owner)}.", markup=False)
    for what, many, allowed in (
        ("images", used.images, limits.images),
        ("bytes", used.bytes, limits.bytes),
        ("open uploads", used.open_uploads, limits.open_uploads),
    ):
        out.print(f"  {what:<13} {many:,} of {allowed:,}", markup=False)


@app.command()
def block(owner_id: OwnerId, data: Data = None) -> None:
    """Block an owner at once: nothing more is taken from it or processed. What it has is kept for review."""
    using = settings(data=data)
    with errors_told(using):
        blocked = asyncio.run(_block(using, owner_id))
        owner = asyncio.run(_read(using, owner_id))
    verb = "Blocked" if blocked else "Nothing changed:"
    known = f"It has {owner.used.images:,} images, of which {owner.used.open_uploads:,} are not uploaded."
    out.print(f"{verb} {readable(owner_id)}{'' if blocked else ' ' + _standing(owner)}. {known}", markup=False)


@app.command()
def unblock(owner_id: OwnerId, data: Data = None) -> None:
    """End a block: a running server takes up what waited within moments."""
    using = settings(data=data)
    with errors_told(using):
        unblocked = asyncio.run(_unblock(using, owner_id))
    said = f"Unblocked {readable(owner_id)}." if unblocked else f"{readable(owner_id)} was not blocked."
    out.print(said, markup=False)


@app.command()
def recount(owner_id: OwnerId, data: Data = None) -> None:
    """Count anew, from its images, what an owner uses. Needed only where the doctor says so."""
    using = settings(data=data)
    with errors_told(using):
        before, after = asyncio.run(_recount(using, owner_id))
    changed = f"{_use(before)} before" if before != after else "as before"
    out.print(f"Counted {readable(owner_id)}: {_use(after)}; {changed}.", markup=False)


@app.command()
def erase(
    owner_id: OwnerId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data: Data = None,
) -> None:
    """Delete all images of an owner for good, and forget its name but in the audit log.

    Broken off, it can be run again, and goes on where it was. A server, running or started next, removes the bytes.
    """
    using = settings(data=data)
    with errors_told(using):
        owner = asyncio.run(_read(using, owner_id))
    out.print(f"All images of {readable(owner_id)} are deleted for good, {owner.used.images:,} by now.", markup=False)
    if not yes:
        confirm("Erase it?")
    with errors_told(using):
        erased = asyncio.run(_erase(using, owner_id))
    out.print(
        f"Erased {readable(owner_id)}: {erased.images:,} images, {erased.bytes:,} bytes, {erased.renditions:,} "
        f"renditions. {erased.audit_events:,} events stay in the audit log until its retention ends.",
        markup=False,
    )
    if owner.blocked_at is not None:
        out.print("It stays blocked, and its name is kept for that until it is unblocked.")


def readable(owner_id: str) -> str:
    """Return an id in a form that cannot show anything else than is there."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in owner_id)


async def _list(using: Settings, *, blocked: bool, after: str | None, limit: int) -> Sequence[Owner]:
    async with records_for(using) as records, records.reading() as snapshot:
        return await snapshot.list_owners(after=after, limit=limit, blocked=blocked)


async def _read(using: Settings, owner_id: str) -> Owner:
    async with records_for(using) as records, records.reading() as snapshot:
        return await snapshot.owner(owner_id)


async def _block(using: Settings, owner_id: str) -> bool:
    async with records_for(using) as records:
        return await block_owner(owner_id, US, records=records, clock=SystemClock())


async def _unblock(using: Settings, owner_id: str) -> bool:
    async with records_for(using) as records:
        return await unblock_owner(owner_id, US, records=records, clock=SystemClock())


async def _erase(using: Settings, owner_id: str) -> Erased:
    async with database_for(using) as database:
        return await erase_owner(
            owner_id,
            US,
            records=database.records,
            signals=database.signals,
            clock=SystemClock(),
            ids=SystemIds(),
            told=using.webhook_url is not None,
            batch=AT_ONCE,
        )


async def _recount(using: Settings, owner_id: str) -> tuple[Owner, Owner]:
    async with records_for(using) as records, records.transaction() as tx:
        return await tx.owner(owner_id), await tx.owners.recount(owner_id)


def _table(owners: Sequence[Owner]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Images", "Bytes", "Open"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Blocked (UTC)", no_wrap=True)
    table.add_column("Owner", overflow="fold")
    for owner in owners:
        used = (f"{many:,}" for many in (owner.used.images, owner.used.bytes, owner.used.open_uploads))
        since = f"{owner.blocked_at:%Y-%m-%d %H:%M}" if owner.blocked_at else ""
        table.add_row(*map(Text, (*used, since, readable(owner.id))))
    return table


def _standing(owner: Owner) -> str:
    return f"is blocked since {owner.blocked_at:%Y-%m-%d %H:%M} UTC" if owner.blocked_at else "is not blocked"


def _use(owner: Owner) -> str:
    used = owner.used
    return f"{used.images:,} images, {used.bytes:,} bytes, {used.open_uploads:,} open uploads"
