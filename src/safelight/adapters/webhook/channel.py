"""Posts to the application, signed as Standard Webhooks 1.0.0 says, and reads what it answers."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import httpx
from standardwebhooks import Webhook

from safelight.adapters.webhook.guard import GuardedTransport, Resolver, system_resolver
from safelight.adapters.webhook.secret import secret_bytes
from safelight.domain.errors import DeliveryFailed

MAX_ANSWER_BYTES = 64 * 1024
"""Of an answer's body so much is read, so that the connection can serve again."""

UNFORESEEN = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError)
"""What else an exchange may raise: a host name that IDNA has no form for, for one, is a UnicodeError."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application answered; the body where it is `whole`, else as much as was read."""

    status: int
    body: bytes
    whole: bool


class Channel:
    """Posts signed messages. Redirects are not followed and the environment's proxies are not used.

    Without `allow_private` a URL must be https, on a host whose addresses are all public: redirects and proxies would
    lead round that check.
    """

    def __init__(
        self,
        secret: str,
        *,
        timeout: timedelta,
        allow_private: bool = False,
        resolver: Resolver = system_resolver,
        network: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Take the secret (`whsec_...`) and how long one exchange may last, from look-up to answer.

        `network` makes the connections; by default a pool that trusts the usual certificate authorities.
        Raises ValueError where the secret cannot be used.
        """
        self._signer = Webhook(secret_bytes(secret))
        self._timeout = timeout
        self._allow_private = allow_private
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

    def check_url(self, url: str) -> None:
        """Raise ValueError where nothing may be posted to such a URL, whatever its host's addresses."""
        if not (url.startswith("https://") or (self._allow_private and url.startswith("http://"))):
            raise ValueError("webhooks go to https URLs; http is for private networks, where those are allowed")

    async def post(self, url: str, message_id: str, body: bytes, *, at: datetime) -> Answer:
        """Send one signed message and return the answer, whatever it is. Raises DeliveryFailed where none came."""
        headers = {"Content-Type": "application/json", **self._signature(message_id, body, at)}
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                return await self._exchange(url, body, headers)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise DeliveryFailed("the receiver took too long to answer") from error
        except httpx.ConnectError as error:
            raise DeliveryFailed(f"no connection to the receiver: {str(error) or type(error).__name__}") from error
        except UNFORESEEN as error:
            raise DeliveryFailed(f"the exchange broke off: {type(error).__name__}") from error

    async def _exchange(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        async with self._http.stream("POST", url, content=body, headers=headers) as response:
            read = bytearray()
            async for chunk in response.aiter_raw():
                read += chunk
                if len(read) > MAX_ANSWER_BYTES:
                    return Answer(response.status_code, bytes(read), whole=False)
            return Answer(response.status_code, bytes(read), whole=True)

    def _signature(self, message_id: str, body: bytes, at: datetime) -> dict[str, str]:
        sent_at = at.astimezone(UTC)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": self._signer.sign(message_id, sent_at, body.decode()),
        }
