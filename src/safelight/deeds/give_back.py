"""Give an image back that was taken for processing."""

from safelight.domain.image import Image, State
from safelight.ports.records import Changes, Transaction


async def give_back(image: Image, tx: Transaction) -> None:
    """Let the image wait as it did before it was taken: nobody has tried. Raises WrongState where another has it."""
    changes = Changes(attempt=image.attempt - 1)
    await tx.move(image.id, was=State.PROCESSING, now=State.UPLOADED, attempt=image.attempt, changes=changes)
