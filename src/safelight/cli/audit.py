"""`safelight audit`: read the audit log, or export it, whether a server runs or not."""

import asyncio
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from safelight.adapters.system import SystemClock
from safelight.apps.audit import Numbered, follow, latest, pages
from safelight.apps.beside import records_for
from safelight.cli.audit_lines import heading, lines
from safelight.cli.durations import duration
from safelight.cli.options import Data, settings
from safelight.cli.tell import err, errors_told, misused, out
from safelight.domain import keys
from safelight.domain.image import ImageId
from safelight.ports.records import Records
from safelight.ports.snapshot import AuditFilter
from safelight.settings import Settings

SHOWN = 100
"""Events that are shown to people, unless they say otherwise; an export is whole."""

_AGO = re.compile(r"\d+[a-z]")
"""What looks like a duration; whether it is one, `duration` says."""

Show = Callable[[Sequence[Numbered]], None]


def audit(
    image: Annotated[str | None, typer.Option(help="Only what was done to the image of this id.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only what this user did, and what was done to its images.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="T", help="Only what was later: 90m, 24h, 7d, a date, or a moment (ISO 8601).")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help=f"Only the last so many. [{SHOWN}; with --json all]", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on each line, with everything.")] = False,
    following: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    data: Data = None,
) -> None:
    """Show who did what, and what was refused: the oldest first. Moments are in UTC.

    Views and refusals come about a second late. What is kept, and for how long, says docs/audit.md.
    """
    which = AuditFilter(_image(image), owner, _since(since))
    using = settings(data=data)
    with errors_told(using):
        shown = asyncio.run(_read(using, which, limit, json=json, following=following))
    if not json and shown == 0:
        err.print("Nothing of that is noted.")


async def _read(using: Settings, which: AuditFilter, limit: int | None, *, json: bool, following: bool) -> int:
    show = _as_json if json else _Lines()
    async with records_for(using) as records:
        if json and limit is None:
            shown, last = await _export(which, show, records)
        else:
            shown, last = await _latest(which, limit or SHOWN, show, records, asked=limit is not None)
        if following:
            async for some in follow(which, after=last, records=records):
                show(some)
                shown += len(some)
    return shown


async def _export(which: AuditFilter, show: Show, records: Records) -> tuple[int, int]:
    shown = last = 0
    async for some in pages(which, records=records):
        show(some)
        shown, last = shown + len(some), some[-1][0]
    return shown, last


async def _latest(which: AuditFilter, limit: int, show: Show, records: Records, *, asked: bool) -> tuple[int, int]:
    """Show the last events; say where there are more, unless that was asked for."""
    some = await latest(which, limit=limit + 1, records=records)
    shown = some[-limit:]
    if shown:
        show(shown)
    if len(some) > limit and not asked:
        err.print(f"These are the last {limit}: --limit shows more, --since, --image and --owner less.", style="dim")
    return len(shown), shown[-1][0] if shown else 0


def _as_json(events: Sequence[Numbered]) -> None:
    for number, event in events:
        sys.stdout.write(msgspec.json.encode({"number": number, **asdict(event)}).decode() + "\n")
    sys.stdout.flush()


class _Lines:
    """Shows events to people, under one heading."""

    def __init__(self) -> None:
        self._begun = False

    def __call__(self, events: Sequence[Numbered]) -> None:
        """Show some more."""
        if not self._begun:
            out.print(heading())
        self._begun = True
        for line in lines([event for _, event in events]):
            out.print(line)


def _image(text: str | None) -> ImageId | None:
    """Return the id. Ends the command where it is none."""
    if text is None or re.fullmatch(keys.ID, text):
        return ImageId(text) if text else None
    raise misused(f"{text!r} is no image's id, which has 32 hexadecimal digits.")


def _since(text: str | None) -> datetime | None:
    """Return the moment, in UTC where no zone is named. Ends the command where it is none."""
    if text is None:
        return None
    try:
        moment = SystemClock().now() - duration(text) if _AGO.fullmatch(text) else datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise misused(f"--since {text!r}: give 24h or 7d, a date such as 2026-11-25, or 2026-11-25T16:30") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
