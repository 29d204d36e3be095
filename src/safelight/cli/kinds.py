"""`safelight kinds`: which declaration of each kind holds among several hosts, and how to go back to an older one."""

import asyncio
from collections.abc import Sequence

import typer
from rich.table import Table
from rich.text import Text

from safelight.adapters.system import SystemClock
from safelight.apps.beside import records_for
from safelight.apps.kinds import shared_kinds
from safelight.cli.options import Data, KindsFile, settings
from safelight.cli.tell import errors_told, out
from safelight.domain.declaration import Declaration, Declared
from safelight.domain.kind import Kinds
from safelight.settings import Settings
from safelight.upkeep.declare import adopt_kinds

app = typer.Typer(
    help="See which declaration of each kind holds among several hosts, and go back to an older one.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command("list")
def list_kinds(data: Data = None, kinds: KindsFile = None) -> None:
    """List the kinds that hosts declared, and how this kinds file stands to them."""
    using = settings(data=data, kinds=kinds)
    with errors_told(using):
        here = shared_kinds(using)
        declared = asyncio.run(_declared(using))
    out.print(_table(declared, here), soft_wrap=False)


@app.command()
def adopt(
    data: Data = None,
    kinds: KindsFile = None,
) -> None:
    """Let the kinds hold as this kinds file declares them, although it is an older one: the way back.

    Hosts with the newer file then leave alone what this one declares. Give every host this file, and start it again.
    """
    using = settings(data=data, kinds=kinds)
    with errors_told(using):
        adopted = asyncio.run(_adopt(using, shared_kinds(using)))
    if adopted:
        out.print(f"As this file declares them, these kinds hold from now on: {', '.join(adopted)}")
    else:
        out.print("All kinds of this file hold as it declares them: nothing to do")


async def _declared(using: Settings) -> Sequence[Declared]:
    async with records_for(using) as records, records.glance() as snapshot:
        return await snapshot.every_declared()


async def _adopt(using: Settings, kinds: Kinds) -> Sequence[str]:
    async with records_for(using) as records:
        return await adopt_kinds(kinds, records=records, clock=SystemClock())


def _table(declared: Sequence[Declared], here: Kinds) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Kind", "Holds since (UTC)"):
        table.add_column(heading, no_wrap=True)
    table.add_column("In this kinds file", overflow="fold")
    for one in declared:
        name = one.declaration.kind
        table.add_row(*map(Text, (name, f"{one.since:%Y-%m-%d %H:%M}", _standing(one.declaration, here))))
    for name in here.keys() - {one.declaration.kind for one in declared}:
        table.add_row(*map(Text, (name, "no host has started with it", "new")))
    return table


def _standing(held: Declaration, here: Kinds) -> str:
    if held.kind not in here:
        return "not there"
    differing = held.differing(Declaration.of(here[held.kind]))
    return f"otherwise: {', '.join(differing)}" if differing else "the same"
