"""Sends webhooks to the application."""

from datetime import datetime

import httpx

from safelight.adapters.webhook.channel import Channel
from safelight.domain.errors import DeliveryFailed
from safelight.domain.jobs import DeliveryId


class WebhookNotifier:
    """Sends webhooks to one URL, through `channel`. Fulfils `ports.notifier.Notifier`.

    Raises ValueError where the channel does not go to such a URL.
    """

    def __init__(self, url: str, channel: Channel) -> None:
        channel.check_url(url)
        self._url = url
        self._channel = channel

    async def send(self, delivery_id: DeliveryId, body: bytes, *, at: datetime) -> None:
        """Send one signed message and see that it was taken, by any answer of 200 to 299. Raises DeliveryFailed."""
        answer = await self._channel.post(self._url, delivery_id, body, at=at)
        if not httpx.codes.is_success(answer.status):
            raise DeliveryFailed(f"the receiver answered {answer.status}")
