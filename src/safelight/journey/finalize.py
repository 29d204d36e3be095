"""6 FINALIZE: give an image the state that its processing earned, and owe the application the news."""

from dataclasses import dataclass, replace
from datetime import datetime

from safelight.deeds.declared import is_older
from safelight.deeds.give_back import give_back
from safelight.deeds.occasion import Occasion, owe_news
from safelight.deeds.place import hold_place, settle_place
from safelight.domain import keys
from safelight.domain.errors import SENTENCES, OwnerBlocked
from safelight.domain.events import Action, Origin
from safelight.domain.image import Ending, Image, ImageId, State
from safelight.domain.jobs import ProcessImage, PurgeImage, ReprocessImage
from safelight.domain.outcome import Broken, Done, Outcome, Spoilt, Waits
from safelight.domain.retry import Backoff
from safelight.domain.who import SYSTEM
from safelight.ports.clock import Clock, Ids
from safelight.ports.records import Changes, Records, Transaction
from safelight.ports.signals import Signals

FAILED_MESSAGE = "A fault on the server kept this image from being processed. It is being looked into."

UNSCANNED = "unscanned"
"""What the audit log says of an image that became ready without the scan that its kind declares."""

ACTIONS = {
    State.READY: Action.READY,
    State.HELD: Action.HELD,
    State.REJECTED: Action.REJECTED,
    State.FAILED: Action.FAILED,
}


@dataclass(frozen=True, slots=True)
class Retries:
    """How our own faults are tried again."""

    max_attempts: int
    backoff: Backoff


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Where an image goes, what changes with it, and what the audit log says."""

    state: State
    changes: Changes
    result: str


async def finalize_image(
    image: Image,
    outcome: Outcome,
    *,
    records: Records,
    signals: Signals,
    clock: Clock,
    ids: Ids,
    retries: Retries,
    told: bool,
) -> State:
    """Move the image, as it was taken, to its state, and return that. `told`: whether the application wants webhooks.

    A finished image is ready, or held for the application's verdict where it is hidden. It keeps what this attempt
    made, and nothing of an earlier one that its kind does not plan any more. Where a record has one image of this kind,
    a ready one takes the place of the one before, which is deleted; or is deleted itself, where one that was attached
    later was ready first. A rejected file is purged; our own fault is tried again later, up to the limit. One that
    waits (`Waits`) waits on, and may not have been taken at all. While its owner is blocked, an image comes to no end:
    it goes back, as if nobody had tried. Raises WrongState where the image is not this attempt's any more: whoever has
    it now decides.
    """
    now = clock.now()
    if isinstance(outcome, Waits) and image.state is State.UPLOADED:
        await _put_off(image, records, again=_as_long_again(image, now, retries))
        return State.UPLOADED
    verdict = _verdict(image, outcome, now, retries)
    try:
        async with records.transaction() as tx:
            replaced = await _end(image, outcome, verdict, Occasion(Origin(SYSTEM), now, ids, told), tx)
    except OwnerBlocked:  # nothing of that was done
        async with records.transaction() as tx:
            await give_back(image, tx)
        await signals.changed(image.id)
        return State.UPLOADED
    for changed in {image.id} | replaced:
        await signals.changed(changed)
    return State.DELETED if image.id in replaced else verdict.state


async def _end(
    image: Image, outcome: Outcome, verdict: _Verdict, occasion: Occasion, tx: Transaction
) -> frozenset[ImageId]:
    """Do what a verdict says; return the images that were deleted because another has their place.

    Raises OwnerBlocked where the image would come to its end.
    """
    replaces = isinstance(outcome, Done) and outcome.one_per_record and verdict.state is State.READY
    if replaces:
        await hold_place(image.id, tx)
    if isinstance(outcome, Done):
        moved = await _finish(image, outcome, verdict, occasion.at, tx)
    else:
        moved = await _move(image, verdict, tx)
    if verdict.state is State.UPLOADED:
        await tx.enqueue(ProcessImage(image.id), run_at=verdict.changes.next_attempt_at)
    else:
        action = ACTIONS[verdict.state]
        await tx.audit(occasion.origin.event(action, at=occasion.at, image=image, result=verdict.result))
    if verdict.state is State.REJECTED:
        await tx.enqueue(PurgeImage(image.id))
    replaced = await settle_place(moved, occasion, tx) if replaces else frozenset[ImageId]()
    if image.id not in replaced:
        await owe_news(image.id, verdict.state, occasion, tx)
    if verdict.state is not State.UPLOADED:  # last, once places and images are locked
        await tx.owners.see_unblocked(image.owner)
    return replaced


async def _move(image: Image, verdict: _Verdict, tx: Transaction) -> Image:
    return await tx.move(
        image.id, was=State.PROCESSING, now=verdict.state, attempt=image.attempt, changes=verdict.changes
    )


async def _finish(image: Image, done: Done, verdict: _Verdict, now: datetime, tx: Transaction) -> Image:
    """Move a finished image, and see that in the end it has what its kind is declared to have, and nothing else."""
    if done.declaration is None or not await is_older(done.declaration, tx):
        moved = await _move(image, verdict, tx)
        await _drop_unplanned(image, done, tx)
        return moved
    if not done.original_kept:  # it can never be rendered again
        return await _move(image, verdict, tx)
    wanted = replace(verdict.changes, reprocess_wanted_at=now)
    moved = await _move(image, replace(verdict, changes=wanted), tx)
    await tx.enqueue(ReprocessImage(image.id))
    return moved


async def _put_off(image: Image, records: Records, *, again: datetime) -> None:
    """Let an image that nobody has taken wait on. Nothing of it changes that can be seen from outside."""
    async with records.transaction() as tx:
        await tx.postpone(image.id, was=State.UPLOADED, until=again)
        await tx.enqueue(ProcessImage(image.id), run_at=again)


def _as_long_again(image: Image, now: datetime, retries: Retries) -> datetime:
    """Return when to look again: no try is counted, so that how old the image is says how long to wait."""
    return retries.backoff.as_long_again(image.created_at, now=now)


async def _drop_unplanned(image: Image, done: Done, tx: Transaction) -> None:
    """Forget what a try before this one made of a kind that has changed since: its objects are orphans then."""
    noted = await tx.renditions(image.id)
    stale = [one for one in noted if keys.rendition(one, public=image.public) not in done.renditions]
    if stale:
        await tx.drop_renditions(image.id, stale)


def _verdict(image: Image, outcome: Outcome, now: datetime, retries: Retries) -> _Verdict:
    match outcome:
        case Done(look, original_kept):
            state, ready_at = (State.HELD, None) if image.hidden else (State.READY, now)
            changes = Changes(ready_at=ready_at, look=look, original_kept=original_kept)
            return _Verdict(state, changes, UNSCANNED if outcome.unscanned else "ok")
        case Spoilt(reason):
            return _Verdict(State.REJECTED, Changes(ending=Ending(reason, SENTENCES[reason])), reason)
        case Waits(code):  # the try was none: its attempt is given back
            again = _as_long_again(image, now, retries)
            return _Verdict(State.UPLOADED, Changes(next_attempt_at=again, attempt=image.attempt - 1), code)
        case Broken(code) if image.attempt >= retries.max_attempts:
            return _Verdict(State.FAILED, Changes(ending=Ending(code, FAILED_MESSAGE)), code)
        case Broken(code):
            again = retries.backoff.after(image.attempt, now=now)
            return _Verdict(State.UPLOADED, Changes(next_attempt_at=again), code)
