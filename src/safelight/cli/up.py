"""`safelight up`: the whole system in one process."""

import sys
from typing import Annotated
from urllib.parse import urlsplit

import typer
import uvloop
from rich.markup import escape

from safelight import __version__
from safelight.adapters.s3.address import S3Address
from safelight.apps.all_in_one import Started, run_all_in_one
from safelight.apps.logs import configure_logs
from safelight.cli.options import Data, KindsFile, settings
from safelight.cli.tell import errors_told, misused, out
from safelight.domain.loopback import is_loopback
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
        raise misused(
            f"Safelight's sandbox has not got its full lock yet, so it listens on loopback only, not on {chosen.host}.",
            "Say --i-know if you trust everyone who could then upload to it.",
        )
    configure_logs(chosen.log_format)
    with errors_told(chosen, port=chosen.port):
        uvloop.run(run_all_in_one(chosen, started=lambda started: _welcome(started, chosen)))


def where_data_is(chosen: Settings) -> str:
    """Return where records and images are kept. Of a database's URL its host and name alone: the rest may be secret."""
    folder = str(chosen.data)
    if chosen.database_url is None and chosen.storage_url is None:
        return f"its data in {folder}"
    records, images = folder, folder
    if chosen.database_url is not None:
        url = urlsplit(chosen.database_url.get_secret_value())
        records = f"Postgres ({' at '.join(filter(None, (url.path.strip('/'), url.hostname)))})"
    if chosen.storage_url is not None:
        images = f"s3://{S3Address.parse(chosen.storage_url).bucket}"
    return f"its records in {records} and its images in {images}"


def _welcome(started: Started, chosen: Settings) -> None:
    listening = f"Safelight {__version__} listens on [bold]{started.addresses.own}[/bold]"
    out.print(f"{listening}, with {escape(where_data_is(chosen))}")
    out.print(f"  kinds    {', '.join(started.kinds)}")
    out.print(f"  API      {started.addresses.api}/docs")
    if started.new_key:
        out.print(f"  API key  [bold]{started.new_key}[/bold]  (shown this once: keep it)")
    out.print("  stop     Ctrl-C")
    sys.stdout.flush()
