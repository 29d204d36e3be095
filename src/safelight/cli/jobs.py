"""`safelight jobs`: see what waits, runs, is held or failed, and send it round again."""

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from safelight.adapters.queue.overview import LaneLoad
from safelight.apps.jobs import MOST_COUNTED, Overview, Retried, retry_all, retry_some, see_jobs
from safelight.cli.options import Data, settings
from safelight.cli.tell import FAILED, errors_told, misused, out
from safelight.domain.image import ImageId, State

IMAGE_ID = re.compile(r"[0-9a-f]{32}")
JOB_NUMBER = re.compile(r"[0-9]{1,18}")

app = typer.Typer(
    help="See what waits, runs, is held or failed, and send it round again.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command("list")
def list_jobs(
    limit: Annotated[int, typer.Option(min=1, help="List so many held jobs and failed images at most.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
    data: Data = None,
) -> None:
    """Show how many jobs wait and run, which are held, and which images failed by our fault.

    On SQLite the queue is in the memory of the server: what the records say of images is shown alone.
    """
    using = settings(data=data)
    with errors_told(using):
        seen = asyncio.run(see_jobs(using, limit=limit))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(seen)).decode())
        return
    if seen.lanes is not None:
        out.print(_table(seen.lanes), soft_wrap=False)
    _say_images(seen)
    _say_held(seen)


@app.command()
def retry(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[IMAGE|NUMBER]...", help="Failed images by id, and held jobs by number.", show_default=False
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Everything that failed or is held.")] = False,
    data: Data = None,
) -> None:
    """Send failed images back to `uploaded` for one more try, and held jobs back to the workers.

    Mend the cause first: an image that fails once more is failed again.
    """
    if every == bool(what):
        raise misused("Say which to retry, by id or number, or --all. They are listed by: safelight jobs list")
    images, jobs = _sorted(what or [])
    using = settings(data=data)
    with errors_told(using):
        retried = asyncio.run(retry_all(using) if every else retry_some(using, images, jobs))
    _say_retried(retried, jobs)


def _sorted(what: Sequence[str]) -> tuple[list[ImageId], list[int]]:
    """Return the ids of images and the numbers of jobs."""
    images, jobs = [], []
    for word in what:
        if IMAGE_ID.fullmatch(word):
            images.append(ImageId(word))
        elif JOB_NUMBER.fullmatch(word):
            jobs.append(int(word))
        else:
            raise misused(f"{word!r} is neither the id of an image, of 32 hexadecimal digits, nor the number of a job.")
    return images, jobs


def _say_retried(retried: Retried, asked_for: Sequence[int]) -> None:
    out.print(f"Sent round again: {len(retried.images):,} images, {len(retried.jobs):,} held jobs.")
    if missing := sorted(set(asked_for) - set(retried.jobs)):
        out.print(f"Not held: {', '.join(map(str, missing))}. What is held says: safelight jobs list")
        raise typer.Exit(FAILED)


def _table(lanes: Sequence[LaneLoad]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Jobs", no_wrap=True)
    for heading in ("Waiting", "Later", "Running", "Held"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Oldest waits since (UTC)", no_wrap=True)
    for lane in lanes:
        counts = map(_many, (lane.waiting, lane.later, lane.running, lane.held))
        table.add_row(*map(Text, (lane.lane, *counts, _moment(lane.oldest))))
    return table


def _say_images(seen: Overview) -> None:
    counts = ", ".join(f"{_many(many)} {state}" for state, many in seen.images.items())
    since = f"; the oldest waits since {_moment(seen.since)} UTC" if seen.since else ""
    out.print(f"Images: {counts}{since}.", markup=False)
    for image in seen.failed:
        out.print(f"  failed  {image.id}  {image.kind}  {image.code}  {image.attempts} tries", markup=False)
    if seen.images[State.FAILED]:
        out.print("Once the cause is mended: safelight jobs retry --all, or name those to retry")


def _say_held(seen: Overview) -> None:
    for job in seen.held:
        out.print(f"  held  {job.number}  {job.job}  ended {job.tries} workers, {_moment(job.since)} UTC", markup=False)
    if seen.held:
        out.print("Once it is known what ended the workers: safelight jobs retry NUMBER")


def _many(counted: int) -> str:
    return f"{counted:,}{'+' * (counted == MOST_COUNTED)}"


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else ""
