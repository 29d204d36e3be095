"""Tells the application what happened."""

from datetime import datetime
from typing import Protocol

from safelight.domain.jobs import DeliveryId


class Notifier(Protocol):
    """Sends webhooks."""

    async def send(self, delivery_id: DeliveryId, body: bytes, *, at: datetime) -> None:
        """Send one signed message and see that it was taken. Raises DeliveryFailed.

        The same id on every try lets the receiver know a message that it has seen.
        """
        ...
