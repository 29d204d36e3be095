"""The command line: every command, in the order in which one meets them."""

from typing import Annotated, ClassVar

import typer

from safelight import __version__
from safelight.cli.lazy import Lazy, LazyGroup


class Commands(LazyGroup):
    """What `safelight` can do. Each line is the first of the command's own help."""

    table: ClassVar = {
        "up": Lazy("Serve everything from this one process: API, uploads, images and worker.", "safelight.cli.up:up"),
        "demo": Lazy("Start everything in a temporary folder, and send a photo.", "safelight.cli.demo:demo"),
        "upload": Lazy("Upload files through all six steps.", "safelight.cli.upload:upload"),
        "keys": Lazy(
            "Make, list, rotate and revoke API keys, whether the server runs or not.", "safelight.cli.keys:app"
        ),
        "owners": Lazy(
            "See what owners use, block, unblock and erase them, whether the server runs or not.",
            "safelight.cli.owners:app",
        ),
        "signing-keys": Lazy(
            "List, rotate and retire the keys that sign tokens and URLs.", "safelight.cli.signing_keys:app"
        ),
        "audit": Lazy("Show who did what, and what was refused; or export it.", "safelight.cli.audit:audit"),
        "settings": Lazy("List every setting: its name, type, default and meaning.", "safelight.cli.settings:settings"),
        "doctor": Lazy("Look for what is wrong, and say how to mend it.", "safelight.cli.doctor:doctor"),
        "backup": Lazy("Back up the records while the server runs, or check a backup.", "safelight.cli.backup:backup"),
        "jobs": Lazy("See what waits, runs, is held or failed, and send it round again.", "safelight.cli.jobs:app"),
        "reprocess": Lazy("Render ready images again, as declared now.", "safelight.cli.reprocess:reprocess"),
        "kinds": Lazy(
            "See which declaration of each kind holds among several hosts, and go back to an older one.",
            "safelight.cli.kinds:app",
        ),
        "migrate": Lazy("Bring the database to the tables of this version.", "safelight.cli.migrate:migrate"),
        "records": Lazy("Carry the records from a data folder to Postgres.", "safelight.cli.records:app"),
        "storage": Lazy("Prepare a bucket, and move between stores.", "safelight.cli.storage:app"),
        "api": Lazy("Serve the API alone, as one of any number of hosts.", "safelight.cli.parts:api"),
        "worker": Lazy("Verify and render alone, as one of any number of hosts.", "safelight.cli.parts:worker"),
        "uploads": Lazy(
            "Take and deliver bytes alone, from a folder that the other parts share.", "safelight.cli.parts:uploads"
        ),
    }


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _say_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if wanted:
        typer.echo(f"Safelight {__version__}")
        raise typer.Exit


@app.callback()
def safelight(
    _version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Take images from the users of a web application: requested, uploaded, verified, rendered, shown."""
