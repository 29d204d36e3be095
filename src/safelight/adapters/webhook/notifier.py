"""Sends webhooks, signed as Standard Webhooks 1.0.0 says."""

import asyncio
import base64
import binascii
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import httpx
from standardwebhooks import Webhook

from safelight.adapters.webhook.guard import GuardedTransport, Resolver, system_resolver
from safelight.domain.errors import DeliveryFailed
from safelight.domain.jobs import DeliveryId

SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with is none itself
SECRET_BYTES = range(24, 65)
"""Standard Webhooks 1.0.0 wants secrets of 24 to 64 bytes."""

MAX_ANSWER_BYTES = 64 * 1024
"""Of the answer's body so much is read, so that the connection can serve again; nobody looks at it."""


UNFORESEEN = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError)
"""What else an exchange may raise: a host name that IDNA has no form for, for one, is a UnicodeError."""


class WebhookNotifier:
    """Sends webhooks to one URL. Fulfils `ports.notifier.Notifier`.

    Without `allow_private` the URL must be https, on a host whose addresses are all public. Redirects are not followed
    and the environment's proxies are not used: both would lead round that check.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        timeout: timedelta,
        allow_private: bool = False,
        resolver: Resolver = system_resolver,
        network: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Take where to send to, the secret (`whsec_...`) and how long one try may last, from look-up to answer.

        `network` makes the connections; by default a pool that trusts the usual certificate authorities.
        Raises ValueError where URL or secret cannot be used.
        """
        if not (url.startswith("https://") or (allow_private and url.startswith("http://"))):
            raise ValueError("webhooks go to https URLs; http is for private networks, where those are allowed")
        self._url = url
        self._signer = Webhook(_secret_bytes(secret))
        self._timeout = timeout
        connections = network or httpx.AsyncHTTPTransport(trust_env=False)
        self._http = httpx.AsyncClient(
            transport=connections if allow_private else GuardedTransport(connections, resolver),
            trust_env=False,
            follow_redirects=False,
            timeout=timeout.total_seconds(),
            headers={"User-Agent": "Safelight", "Accept": "*/*", "Accept-Encoding": "identity"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, delivery_id: DeliveryId, body: bytes, *, at: datetime) -> None:
        """Send one signed message and see that it was taken, by any answer of 200 to 299. Raises DeliveryFailed."""
        headers = {"Content-Type": "application/json", **self._signature(delivery_id, body, at)}
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                status = await self._post(body, headers)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise DeliveryFailed("the receiver took too long to answer") from error
        except httpx.ConnectError as error:
            raise DeliveryFailed(f"no connection to the receiver: {str(error) or type(error).__name__}") from error
        except UNFORESEEN as error:
            raise DeliveryFailed(f"the exchange broke off: {type(error).__name__}") from error
        if not httpx.codes.is_success(status):
            raise DeliveryFailed(f"the receiver answered {status}")

    async def _post(self, body: bytes, headers: dict[str, str]) -> int:
        async with self._http.stream("POST", self._url, content=body, headers=headers) as response:
            seen = 0
            async for chunk in response.aiter_raw():
                seen += len(chunk)
                if seen > MAX_ANSWER_BYTES:
                    break
            return response.status_code

    def _signature(self, delivery_id: DeliveryId, body: bytes, at: datetime) -> dict[str, str]:
        sent_at = at.astimezone(UTC)
        return {
            "webhook-id": delivery_id,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": self._signer.sign(delivery_id, sent_at, body.decode()),
        }


def _secret_bytes(secret: str) -> bytes:
    """Return the key within `whsec_...`. The library would take a mistyped one as it is. Raises ValueError."""
    encoded = secret.removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("the webhook secret is not whsec_ and base64") from error
    if not secret.startswith(SECRET_PREFIX) or len(key) not in SECRET_BYTES:
        raise ValueError("the webhook secret must be whsec_ and base64 of 24 to 64 bytes")
    return key
