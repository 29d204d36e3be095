"""Give the read token of an image again: to whoever may see its record."""

from safelight.domain.errors import ImageGone
from safelight.domain.events import Action, Origin
from safelight.domain.image import GONE, Image
from safelight.domain.tokens import Purpose, Tokens
from safelight.ports.clock import Clock
from safelight.ports.records import Records


async def give_read_token(image: Image, origin: Origin, *, tokens: Tokens, records: Records, clock: Clock) -> str:
    """Return the image's read token, and note who got it. Raises ImageGone."""
    if image.state in GONE:
        raise ImageGone(image_id=image.id, state=image.state)
    async with records.transaction() as tx:
        await tx.audit(origin.event(Action.TOKENS_GIVEN, at=clock.now(), image=image))
    return tokens.image_token(Purpose.READ, image.id, image.token_generation)
