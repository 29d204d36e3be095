"""`safelight api`, `uploads`, `worker`: the parts as processes of their own, which need a shared database."""

import typer

from safelight.cli.tell import MISUSED, err

API_HELP = "Serve the API alone. Comes with Postgres, in a later version."
UPLOADS_HELP = "Take and deliver bytes alone. Comes with Postgres, in a later version."
WORKER_HELP = "Render alone. Comes with Postgres, in a later version."


def api() -> None:
    """Say what to do instead."""
    _refuse("api")


def uploads() -> None:
    """Say what to do instead."""
    _refuse("uploads")


def worker() -> None:
    """Say what to do instead."""
    _refuse("worker")


def _refuse(part: str) -> None:
    err.print(
        f"[red]`safelight {part}` as a process of its own needs Postgres, which this version has not got.[/red] "
        "Run everything in one process instead: safelight up"
    )
    raise typer.Exit(MISUSED)
