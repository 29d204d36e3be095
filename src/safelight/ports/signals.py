"""Tells waiters (long polls, event streams) that an image changed. A hint: who gets it reads the record."""

from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

from safelight.domain.image import ImageId


class Waiter(Protocol):
    """Waits for changes of one image; changes since it was opened, or since the last wait, count."""

    async def wait(self, at_most: timedelta) -> bool:
        """Return True as soon as the image changed, or False after that time."""
        ...


class Signals(Protocol):
    """Brings changes to whoever waits."""

    async def changed(self, image_id: ImageId) -> None:
        """Wake everyone who waits for this image. Call it after the commit."""
        ...

    def waiter(self, image_id: ImageId) -> AbstractAsyncContextManager[Waiter]:
        """Return a block in which changes of the image are heard. Open it before reading the record.

        Raises Busy where too many wait already.
        """
        ...
