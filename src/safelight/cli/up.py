"""`safelight up`: the whole system in one process."""

import sys
from typing import Annotated

import typer
import uvloop

from safelight.apps.all_in_one import Started, run_all_in_one
from safelight.apps.logs import configure_logs
from safelight.apps.loopback import is_loopback
from safelight.cli.options import Data, KindsFile, settings
from safelight.cli.tell import MISUSED, err, errors_told, out
from safelight.settings import Settings


def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [SAFELIGHT_HOST; 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one. [SAFELIGHT_PORT; 8080]")] = None,
    data: Data = None,
    kinds: KindsFile = None,
    i_know: Annotated[
        bool,
        typer.Option(
            "--i-know", help="Listen on other addresses than loopback although the sandbox is not locked yet."
        ),
    ] = False,
) -> None:
    """Serve everything from this one process: API, uploads, images and worker. Needs nothing else installed."""
    chosen = settings(host=host, port=port, data=data, kinds=kinds)
    if not (i_know or is_loopback(chosen.host)):
        err.print(
            f"[red]Safelight's sandbox has not got its full lock yet, so it listens on loopback only, not on "
            f"{chosen.host}.[/red]\nSay --i-know if you trust everyone who could then upload to it."
        )
        raise typer.Exit(MISUSED)
    configure_logs(chosen.log_format)
    with errors_told():
        uvloop.run(run_all_in_one(chosen, started=lambda started: _welcome(started, chosen)))


def _welcome(started: Started, chosen: Settings) -> None:
    out.print(f"Safelight listens on [bold]{started.addresses.api}[/bold], with its data in {chosen.data}")
    out.print(f"  kinds    {', '.join(started.kinds)}")
    out.print(f"  API      {started.addresses.api}/docs")
    if started.new_key:
        out.print(f"  API key  [bold]{started.new_key}[/bold]  (shown this once: keep it)")
    out.print("  stop     Ctrl-C")
    sys.stdout.flush()
