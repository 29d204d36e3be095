"""`safelight doctor`: what is wrong with this installation, and how to mend it."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from safelight.adapters.system import SystemClock
from safelight.apps.doctor.bucket.examine import buckets, examine_bucket
from safelight.apps.doctor.examine import examine
from safelight.apps.doctor.finding import Finding, Level
from safelight.apps.logs import configure_logs
from safelight.cli.options import Data, KindsFile, exactly, given
from safelight.cli.tell import FAILED, err, misused, out
from safelight.settings import Settings

MARKS = {Level.OK: Text("✓", "green"), Level.WARNING: Text("!", "bold yellow"), Level.WRONG: Text("✗", "bold red")}
NAME_WIDTH = 17
SAY_EVERY_S = 5.0


def doctor(
    data: Data = None,
    kinds: KindsFile = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. [SAFELIGHT_HOST; 127.0.0.1]")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port that the server has, or is to have. [SAFELIGHT_PORT; 8080]")
    ] = None,
    storage: Annotated[
        bool, typer.Option("--storage", help="Prove on the live bucket what holds there, instead.")
    ] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="Look at all records and objects, not at a part. It may take hours.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look for what is wrong with this installation, and say how to mend it; beside a running server or without one.

    Exits with 1 where something is wrong. Changes nothing: the small objects that --storage writes are removed.
    """
    using = exactly(**given(data=data, kinds=kinds, host=host, port=port))  # names that are none are a finding
    configure_logs(using.log_format)
    if storage and not buckets(using):
        raise misused("There is no bucket: set SAFELIGHT_STORAGE_URL, s3://bucket?...")
    looking = (
        _of_buckets(using) if storage else examine(using, clock=SystemClock(), whole=whole, tell=_HowFar(whole=whole))
    )
    findings = asyncio.run(_examine(looking, quiet=as_json))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode([asdict(finding) for finding in findings])).decode())
    else:
        _tell_sum(findings)
    if any(finding.level is Level.WRONG for finding in findings):
        raise typer.Exit(FAILED)


class _HowFar:
    """Says every few seconds how far a check is that looks at everything."""

    def __init__(self, *, whole: bool) -> None:
        self._again_at = time.monotonic() + SAY_EVERY_S if whole else math.inf

    def __call__(self, how_far: str) -> None:
        if time.monotonic() >= self._again_at:
            self._again_at = time.monotonic() + SAY_EVERY_S
            err.print(how_far, style="dim")


async def _of_buckets(using: Settings) -> AsyncGenerator[Finding]:
    for url in buckets(using):
        async with aclosing(examine_bucket(url, using, clock=SystemClock())) as of_bucket:
            async for finding in of_bucket:
                yield finding


async def _examine(looking: AsyncGenerator[Finding], *, quiet: bool) -> list[Finding]:
    findings = []
    async with aclosing(looking):  # where the reader of a pipe goes, printing ends the command
        async for finding in looking:
            findings.append(finding)
            if not quiet:
                out.print(_line(finding), soft_wrap=False)
    return findings


def _line(finding: Finding) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(width=NAME_WIDTH)
    table.add_column(overflow="fold")
    table.add_row(MARKS[finding.level], Text(finding.name), Text(finding.seen))
    if finding.cure:
        table.add_row("", "", Text(f"-> {finding.cure}", "bold"))
    return table


def _tell_sum(findings: list[Finding]) -> None:
    bad = sum(finding.level is Level.WRONG for finding in findings)
    warned = sum(finding.level is Level.WARNING for finding in findings)
    if not bad and not warned:
        out.print("\nAll is well.")
        return
    out.print(f"\n{bad} wrong, {warned} to know of. An arrow (->) says what to do.")
