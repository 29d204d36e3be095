"""`safelight api`, `worker`, `uploads`: the parts as processes of their own, on Postgres and a shared store."""

import sys
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer
import uvloop

from safelight import __version__
from safelight.apps.logs import configure_logs
from safelight.apps.parts import Serving, Started, run_api, run_uploads, run_worker_part
from safelight.cli.options import Data, SharedKindsFile, settings
from safelight.cli.tell import errors_told, out
from safelight.settings import Settings

Host = Annotated[str | None, typer.Option(help="Address to listen on. [SAFELIGHT_HOST; 127.0.0.1]")]


def api(
    host: Host = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one. [SAFELIGHT_PORT; 8080]")] = None,
    data: Data = None,
    kinds: SharedKindsFile = None,
) -> None:
    """Serve the API alone, as one of any number of hosts. Needs Postgres, and never touches bytes."""
    chosen = settings(host=host, port=port, data=data, kinds=kinds)
    _run(run_api, chosen, chosen.port)


def worker(
    host: Host = None,
    port: Annotated[
        int | None, typer.Option(help="Port of its health; 0 takes a free one. [SAFELIGHT_WORKER_PORT; 8081]")
    ] = None,
    data: Data = None,
    kinds: SharedKindsFile = None,
) -> None:
    """Verify and render alone, as one of any number of hosts. Needs Postgres, and no signing keys."""
    chosen = settings(host=host, worker_port=port, data=data, kinds=kinds)
    _run(run_worker_part, chosen, chosen.worker_port)


def uploads(
    host: Host = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one. [SAFELIGHT_UPLOADS_PORT; 8082]")] = None,
    data: Data = None,
) -> None:
    """Take and deliver bytes alone, from a folder that the other parts share. With S3 there is nothing to do."""
    chosen = settings(host=host, uploads_port=port, data=data)
    _run(run_uploads, chosen, chosen.uploads_port)


def _run(part: Callable[..., Coroutine[Any, Any, None]], chosen: Settings, port: int) -> None:
    configure_logs(chosen.log_format)
    started: Started = _welcome
    with errors_told(chosen, port=port):
        uvloop.run(part(chosen, started=started))


def _welcome(serving: Serving) -> None:
    out.print(f"Safelight {__version__} {serving.part} listens on [bold]{serving.address}[/bold], Ctrl-C stops it")
    sys.stdout.flush()
