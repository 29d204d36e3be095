"""The page of the command line."""

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from safelight.cli import entry, tell
from safelight.cli.app import Commands
from safelight.cli.lazy import Lazy, load
from safelight.cli.reference.described import meanings
from safelight.cli.reference.markdown import table

INTRODUCTION = """# Command line

`safelight COMMAND --help` says the same. An option counts more than the [setting](settings.md) of its name.

This page is made from the commands by `make docs`.
"""

EXITS = "## Exit codes\n"

DONE = ("0", "It was done.")


def page(commands: Mapping[str, Lazy] = Commands.table) -> str:
    """Return the page."""
    listed = [(f"`{name}`", lazy.help) for name, lazy in commands.items()]
    sections = [section for name, lazy in commands.items() for section in _sections(name, load(name, lazy))]
    exits = table(("code", "meaning"), [DONE, *_exits()])
    return "\n".join([INTRODUCTION, table(("command", ""), listed), EXITS, exits, *sections])


def _sections(name: str, command: Any, *, level: str = "##") -> Iterator[str]:
    """Yield what there is to say of a command, or of each that it has."""
    with typer.Context(command, info_name=f"safelight {name}") as context:
        subcommands = getattr(command, "commands", None)
        if subcommands is None:
            yield _section(command, context, level)
            return
        yield f"{level} {context.info_name}\n\n{command.help}\n"
        for word, subcommand in subcommands.items():
            yield from _sections(f"{name} {word}", subcommand, level="###")


def _section(command: Any, context: Any, level: str) -> str:
    usage = " ".join([str(context.info_name), *command.collect_usage_pieces(context)])
    records = [parameter.get_help_record(context) for parameter in command.params]
    rows = [(f"`{shown}`", " ".join(meaning.split())) for shown, meaning in filter(None, records)]
    head = f"{level} {context.info_name}\n\n    {usage}\n\n{command.help}\n"
    return f"{head}\n{table(('', 'meaning'), rows)}" if rows else head


def _exits() -> Iterator[tuple[str, str]]:
    """Yield the exit codes other than 0, with their meanings."""
    for module, names in ((tell, ("FAILED", "MISUSED")), (entry, ("INTERRUPTED", "TERMINATED"))):
        said = meanings(module)
        yield from ((str(int(getattr(module, name))), said[name]) for name in names)
