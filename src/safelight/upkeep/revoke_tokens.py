"""Revoke every token of one image: of those that were given out, none is good any more."""

from safelight.domain.events import Action, Origin
from safelight.domain.image import Image
from safelight.ports.clock import Clock
from safelight.ports.records import Records


async def revoke_tokens(image: Image, origin: Origin, *, records: Records, clock: Clock) -> None:
    """End the image's write and read tokens at once. May be repeated; raises ImageNotFound.

    What needs no record to be checked lives on to its own end: signed URLs. An upload under way can be confirmed by an
    API key, or is found by reconcile when its URL has ended.
    """
    async with records.transaction() as tx:
        await tx.revoke_tokens(image.id)
        await tx.audit(origin.event(Action.TOKENS_REVOKED, at=clock.now(), image=image))
