"""Pieces of queued work. A job names a record; all that it needs to know is read from there."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from safelight.domain.image import ImageId

DeliveryId = NewType("DeliveryId", str)


@dataclass(frozen=True, slots=True)
class ProcessImage:
    """Verify and render an uploaded image."""

    image_id: ImageId


@dataclass(frozen=True, slots=True)
class RenderVariant:
    """Render a lazy variant that somebody asked for. Should it be lost, the next reader asks again."""

    image_id: ImageId
    variant: str


@dataclass(frozen=True, slots=True)
class ReprocessImage:
    """Render what a ready image lacks of its kind's present variants."""

    image_id: ImageId


@dataclass(frozen=True, slots=True)
class PurgeImage:
    """Remove every byte of an image that is rejected, expired or deleted."""

    image_id: ImageId


@dataclass(frozen=True, slots=True)
class ClearSide:
    """Remove what lies of an image on the side, public or private, where it does not belong, or in no row."""

    image_id: ImageId


@dataclass(frozen=True, slots=True)
class SendWebhook:
    """Tell the application what happened to an image."""

    delivery_id: DeliveryId


class Chore(StrEnum):
    """A piece of upkeep that comes round."""

    RECONCILE = "reconcile"
    SWEEP = "sweep"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Upkeep:
    """One round of upkeep. Whatever its time, there is one of each at most: rounds neither overlap nor pile up."""

    chore: Chore


Job = ProcessImage | RenderVariant | ReprocessImage | PurgeImage | ClearSide | SendWebhook | Upkeep
