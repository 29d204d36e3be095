"""Where conversations meet httpx: what both clients share."""

import random
import time
import uuid
from importlib.metadata import version

import httpx

from safelight_client.api import Api
from safelight_client.exchange import NoAnswer, Request, Response
from safelight_client.retry import Retry

USER_AGENT = f"safelight-client/{version('safelight-client')}"

LOST = (httpx.HTTPError, httpx.InvalidURL)
"""What httpx raises where no answer comes."""

PASSING = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError)
"""What may go better the next time."""


def make_api(base_url: str, api_key: str | None, retry: Retry) -> Api:
    """Return the API at an address, in the real world. Raises ValueError where that is no http(s) address."""
    if not base_url.startswith(("http://", "https://")):
        raise ValueError(f"{base_url!r} is no address of a server: it must begin with http:// or https://")
    return Api(
        base_url.rstrip("/"),
        api_key,
        retry,
        jitter=random.random,
        new_key=lambda: uuid.uuid4().hex,
        clock=time.monotonic,
    )


def time_limits(request: Request, timeout_s: float) -> httpx.Timeout:
    """Return the limits for one request; they hold for each read and write, not for the whole."""
    return httpx.Timeout(timeout_s, read=timeout_s + request.patience_s)


def body_headers(request: Request) -> dict[str, str]:
    """Return all headers. The size of what is sent in pieces must be said: storage takes nothing chunked."""
    if isinstance(request.content, bytes):
        return dict(request.headers)
    return {**request.headers, "Content-Length": str(request.content.size)}


def answer_of(response: httpx.Response) -> Response:
    """Return an answer that was read to its end."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Response(response.status_code, headers, response.content)


def no_answer(error: Exception) -> NoAnswer:
    """Return why there was none."""
    return NoAnswer(str(error) or type(error).__name__, useless=not isinstance(error, PASSING))
