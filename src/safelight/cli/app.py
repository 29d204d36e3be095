"""The command line: every command, and how its errors are told."""

import sys

import typer
from pydantic import ValidationError

from safelight.cli import backup, demo, doctor, keys, migrate, parts, reprocess, up, upload
from safelight.cli.tell import MISUSED, tell_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(up.up)
app.command()(demo.demo)
app.command()(upload.upload)
app.command()(migrate.migrate)
app.add_typer(keys.app, name="keys")
app.command()(backup.backup)
app.command()(reprocess.reprocess)
app.command()(doctor.doctor)
app.command(help=parts.API_HELP)(parts.api)
app.command(help=parts.UPLOADS_HELP)(parts.uploads)
app.command(help=parts.WORKER_HELP)(parts.worker)


@app.callback()
def safelight() -> None:
    """Take images from the users of a web application: requested, uploaded, verified, rendered, shown."""


def main() -> None:
    """Run the command line."""
    try:
        app()
    except ValidationError as error:
        tell_settings(error)
        sys.exit(MISUSED)
