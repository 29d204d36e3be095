"""`make chaos MINUTES=10 [SEED=1] [JSON=file]`: kill everything under load, and count what became of it."""

import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from chaos.report import as_json, as_table
from chaos.run import Plan, run

UNCLEAN = 1


def main(
    minutes: Annotated[float, typer.Option(help="How long harm is done.")] = 10.0,
    seed: Annotated[int | None, typer.Option(help="Chooses the harm; by default one of its own.")] = None,
    rate: Annotated[float, typer.Option(help="Uploads that begin in a second, in each of the two clusters.")] = 2.0,
    json: Annotated[Path | None, typer.Option(help="A file for the report, as JSON.")] = None,
    keep: Annotated[Path | None, typer.Option(help="A folder to keep logs and data in.")] = None,
) -> None:
    """Run two clusters, one on S3 and one on disk, and do them harm. Exits with 1 where anything is lost or left."""
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)
    begun = time.monotonic()
    plan = Plan(minutes * 60, random.randrange(10_000) if seed is None else seed, uploads_per_second=rate)
    with tempfile.TemporaryDirectory(prefix="safelight-chaos-", ignore_cleanup_errors=True) as temporary:
        report = run(
            plan, keep or Path(temporary), lambda text: console.print(f"{time.monotonic() - begun:7.1f} s  {text}")
        )
    console.print(as_table(report))
    if json is not None:
        json.write_text(as_json(report))
    raise typer.Exit(0 if report.is_clean else UNCLEAN)


typer.run(main)
