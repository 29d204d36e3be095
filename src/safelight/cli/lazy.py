"""Commands that are imported when they are run, so that the others and `--help` are quick."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command: its line in the list of commands, and where its function or its Typer is, as `module:name`."""

    help: str
    where: str


class LazyGroup(TyperGroup):
    """The commands of `table`, by name and in its order."""

    table: ClassVar[Mapping[str, Lazy]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands.update({name: TyperCommand(name, help=lazy.help) for name, lazy in self.table.items()})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is to run, whole."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name, self.table[name]) if name else command, rest


def load(name: str, lazy: Lazy) -> Any:
    """Return the command."""
    module, _, attribute = lazy.where.partition(":")
    found = getattr(import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False)
        alone.command(name)(found)
        found = alone
    return _flowing(get_command(found))


def _flowing(command: Any) -> Any:
    """Return the command, whose help breaks its lines where the terminal ends, not where the source does."""
    paragraphs = (command.help or "").split("\n\n")
    command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    for inner in getattr(command, "commands", {}).values():
        _flowing(inner)
    return command
