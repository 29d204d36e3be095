"""`safelight demo`: the six steps on one photo, before your eyes."""

import asyncio
import logging
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import httpx
import typer
import uvloop

from safelight.apps.all_in_one import Started, run_all_in_one
from safelight.apps.logs import configure_logs
from safelight.cli.options import exactly
from safelight.cli.steps import StepPrinter
from safelight.cli.tell import FAILED, errors_told, out
from safelight.domain.measure import measure
from safelight.settings import Settings
from safelight_client import Client, Image, Rendition, SafelightError

PHOTO = Path(__file__).with_name("dandelions.jpg")
"""What it is and where it comes from says dandelions.txt beside it."""


def demo(
    photo: Annotated[
        Path,
        typer.Argument(
            help="The photo to send; a bundled one, if none is given.",
            show_default=False,
            exists=True,
            dir_okay=False,
            readable=True,
        ),
    ] = PHOTO,
    once: Annotated[
        bool, typer.Option("--once", envvar="ONCE", help="Check every URL and end, even at a terminal.")
    ] = False,
) -> None:
    """Start everything in a temporary folder, send a photo through the six steps, and show what came of it."""
    configure_logs("console", level=logging.WARNING)
    stay = out.is_terminal and not once
    with errors_told(), tempfile.TemporaryDirectory(prefix="safelight-demo-") as folder:
        using = _settings(folder)
        with errors_told(using):
            well = uvloop.run(_demo(photo, using, stay=stay))
    if not well:
        raise typer.Exit(FAILED)
    if stay:
        out.print("\nStopped; the folder is removed.")


async def _demo(photo: Path, using: Settings, *, stay: bool) -> bool:
    """Serve, go through the steps, and stay or check; return whether all went well."""
    listening: asyncio.Future[Started] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(run_all_in_one(using, started=listening.set_result))
    serving.add_done_callback(lambda _: listening.cancel())
    with suppress(asyncio.CancelledError):
        await listening
    if listening.cancelled():
        await serving  # raises what kept it from starting
        return False
    try:
        image = await asyncio.to_thread(_six_steps, listening.result(), photo)
        if image is None:
            return False
        if not stay:
            return await asyncio.to_thread(_check, image)
        _say_where_to_look(image, listening.result())
        await serving
        return True
    finally:
        listening.result().stop()
        await serving


def _settings(folder: str) -> Settings:
    """Return the defaults, whatever the environment says."""
    return exactly(
        data=folder,
        port=0,
        kinds=None,
        public_url=None,
        uploads_url=None,
        delivery_url=None,
        bootstrap_key=None,
        webhook_url=None,
        webhook_secret=None,
    )


def _six_steps(started: Started, photo: Path) -> Image | None:
    """Send the photo, and show what came of it; None where it did not become ready."""
    out.print(f"Safelight runs at {started.addresses.api}, with SQLite and a folder. Sending {photo.name}:\n")
    try:
        with Client(started.addresses.api, api_key=started.new_key, transport=StepPrinter(out)) as client:
            image = client.upload(photo, kind="photo", on_progress=lambda _: None)  # so that each step is seen
    except SafelightError as error:
        out.print(f"\n[red]The photo did not become ready ({error.code}): {error}[/red]")
        return None
    out.print(f"\n[bold]{image.filename}[/bold]: {image.width} x {image.height}, {image.bytes:,} bytes, is now")
    for name, one in _renditions(image):
        out.print(f"  {name:7} {f'{one.width} x {one.height}':12} {one.format:5} {one.bytes:>9,} bytes  {one.url}")
    return image


def _renditions(image: Image) -> list[tuple[str, Rendition]]:
    return [(name, one) for name, variant in image.variants.items() for one in variant.renditions]


def _check(image: Image) -> bool:
    """Fetch every URL, and say which is not an image of the declared size."""
    failures = []
    with httpx.Client(follow_redirects=True) as http:
        for name, one in _renditions(image):
            answer = http.get(one.url)
            if measure(answer.content) != (one.format, (one.width, one.height)) or len(answer.content) != one.bytes:
                failures.append(f"{name} at {one.url}: HTTP {answer.status_code}, {answer.content[:80]!r}")
        stable = {name: image.url(name) for name in image.variants}
        failures += [f"{name} at {url}: no image" for name, url in stable.items() if not measure(http.get(url).content)]
    for failure in failures:
        out.print(f"[red]Wrong: {failure}[/red]")
    if not failures:
        out.print("\nEvery URL was fetched and is an image of the size it should be.")
    return not failures


def _say_where_to_look(image: Image, started: Started) -> None:
    out.print(f"\nLook at [bold]{image.url('large')}[/bold]")
    out.print(f"API {started.addresses.api}/docs, with the key {started.new_key}")
    out.print("Everything is gone after Ctrl-C.")
