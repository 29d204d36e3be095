"""`safelight reprocess`: bring the renditions of a kind in line with what its kind declares now."""

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from safelight.apps.addresses import Addresses
from safelight.apps.beside import see_that_they_are_ready
from safelight.apps.data_folder import see_that_it_is_ours
from safelight.apps.declared import see_that_it_holds
from safelight.apps.kinds import shared_kinds
from safelight.apps.logs import configure_logs
from safelight.apps.reprocess import Done, Fate, Plan, failed_images, plan_reprocessing, reprocess_images, retry_images
from safelight.apps.wiring import World, opened
from safelight.apps.worker import sandbox
from safelight.cli.options import Data, KindsFile, settings
from safelight.cli.tell import FAILED, err, errors_told, misused, out
from safelight.domain.kind import Kind, Kinds
from safelight.settings import Settings
from safelight.upkeep.reprocess import Which

SHOWN_PER_REASON = 3
"""What is told in words of each reason; the rest is counted."""


@dataclass
class Tally:
    """What came of all images."""

    images: Counter[Fate] = field(default_factory=Counter)
    renditions: int = 0
    undone: dict[tuple[Fate, str], list[Done]] = field(default_factory=lambda: defaultdict(list))

    def add(self, done: Done) -> None:
        """Count one image."""
        self.images[done.fate] += 1
        self.renditions += done.renditions
        if done.code:
            self.undone[done.fate, done.code].append(done)


def reprocess(
    kind: Annotated[str, typer.Option("--kind", "-k", help="The kind whose images are rendered again.")],
    stale: Annotated[
        bool, typer.Option("--stale", help="What was declared otherwise, or is missing. [default]")
    ] = False,
    missing: Annotated[bool, typer.Option("--missing", help="Variants that were declared since, alone.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Every variant of every image.")] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="Send images that failed round again instead, one more try each.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what there is to do, and do nothing.")] = False,
    data: Data = None,
    kinds: KindsFile = None,
) -> None:
    """Render ready images again, from their originals, as their kind is declared now. May run beside the server.

    Every image shows its old renditions until its new ones are there. May be broken off and run again.
    Restart the server first where the kinds file changed, so that new uploads are rendered alike.
    """
    chosen = {Which.STALE: stale, Which.MISSING: missing, Which.ALL: every, None: failed}
    wanted = [which for which, is_wanted in chosen.items() if is_wanted] or [Which.STALE]
    if len(wanted) > 1:
        raise misused("Say only one of --stale, --missing, --all, --failed.")
    using = settings(data=data, kinds=kinds)
    configure_logs(using.log_format)
    with errors_told(using):
        if using.storage_url is None and using.data.exists():
            see_that_it_is_ours(using.data)
        every_kind = shared_kinds(using)
        tally = asyncio.run(_run(using, every_kind, every_kind[kind], wanted[0], dry_run=dry_run))
    if tally.images[Fate.FAILED]:
        raise typer.Exit(FAILED)


async def _run(using: Settings, kinds: Kinds, kind: Kind, which: Which | None, *, dry_run: bool) -> Tally:
    await see_that_they_are_ready(using)
    async with opened(using, kinds, Addresses.of(using, port=using.port)) as world:
        if which is None:
            await _retry(kind, world, dry_run=dry_run)
            return Tally()
        if not dry_run:
            await see_that_it_holds(kind, world)
        plan = await plan_reprocessing(kind, which, world.records)
        _tell_plan(plan, kind, dry_run=dry_run)
        if dry_run or not plan.images:
            return Tally()
        return await _render(plan, kind, which, world)


async def _retry(kind: Kind, world: World, *, dry_run: bool) -> None:
    failed = await failed_images(kind, world.records)
    if not dry_run:
        await retry_images(failed, world=world)
    verb = "would be" if dry_run else "are"
    out.print(f"Kind {kind.name}: {len(failed):,} failed images {verb} queued again, for the server's worker")


async def _render(plan: Plan, kind: Kind, which: Which, world: World) -> Tally:
    tally = Tally()
    async with sandbox(world.settings) as renderer:
        with _bar() as bar:
            task = bar.add_task("rendering", total=len(plan.images))

            def on_done(done: Done) -> None:
                tally.add(done)
                bar.advance(task)

            await reprocess_images(plan.images, kind, which, world=world, renderer=renderer, on_done=on_done)
    _tell(tally)
    return tally


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=err
    )


def _tell_plan(plan: Plan, kind: Kind, *, dry_run: bool) -> None:
    verb = "would be rendered" if dry_run else "to render"
    out.print(
        f"Kind {kind.name}: {len(plan.images):,} images {verb}, {plan.renditions:,} renditions; "
        f"{plan.right:,} images are as declared"
    )
    if plan.unkept:
        out.print(f"  {plan.unkept:,} images cannot be: their originals were not kept")


def _tell(tally: Tally) -> None:
    images = tally.images
    out.print(
        f"{images[Fate.RENDERED]:,} images done, {tally.renditions:,} renditions made; "
        f"{images[Fate.SKIPPED]:,} skipped, {images[Fate.FAILED]:,} failed"
    )
    for (fate, code), some in tally.undone.items():
        out.print(f"{fate}, {code}: {len(some):,}")
        for done in some[:SHOWN_PER_REASON]:
            out.print(f"  {done.image_id}  {done.words}", markup=False)
        if len(some) > SHOWN_PER_REASON:
            out.print(f"  and {len(some) - SHOWN_PER_REASON:,} more")
