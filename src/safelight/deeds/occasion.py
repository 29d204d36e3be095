"""The occasion on which records change, and the news of it."""

from dataclasses import dataclass
from datetime import datetime

from safelight.domain.events import TOLD, Delivery, Origin
from safelight.domain.image import ImageId, State
from safelight.domain.jobs import DeliveryId, SendWebhook
from safelight.ports.clock import Ids
from safelight.ports.records import Transaction


@dataclass(frozen=True, slots=True)
class Occasion:
    """Who changes something, and when; `told`: whether the application wants webhooks."""

    origin: Origin
    at: datetime
    ids: Ids
    told: bool


async def owe_news(image_id: ImageId, state: State, occasion: Occasion, tx: Transaction) -> None:
    """Owe the application the webhook that an image reached `state`, where it wants to hear of that."""
    if occasion.told and state in TOLD:
        owed = Delivery.owed(DeliveryId(occasion.ids.new()), image_id, state, at=occasion.at)
        await tx.add_delivery(owed)
        await tx.enqueue(SendWebhook(owed.id))
