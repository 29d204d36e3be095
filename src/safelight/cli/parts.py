"""`safelight api`, `uploads`, `worker`: the parts as processes of their own, which need a shared database."""

from typing import NoReturn

from safelight.cli.tell import misused


def api() -> None:
    """Serve the API alone. Comes with Postgres, in a later version."""
    _refuse("api")


def uploads() -> None:
    """Take and deliver bytes alone. Comes with Postgres, in a later version."""
    _refuse("uploads")


def worker() -> None:
    """Render alone. Comes with Postgres, in a later version."""
    _refuse("worker")


def _refuse(part: str) -> NoReturn:
    raise misused(
        f"`safelight {part}` as a process of its own needs Postgres, which this version has not got.",
        "Run everything in one process instead: safelight up",
    )
