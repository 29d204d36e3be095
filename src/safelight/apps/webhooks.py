"""How this process asks and tells the application over HTTP."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from safelight.adapters.webhook.channel import Channel
from safelight.adapters.webhook.notifier import WebhookNotifier
from safelight.adapters.webhook.question import Questioner
from safelight.domain.kind import Kinds
from safelight.ports.clock import Clock, Ids
from safelight.settings import Settings
from safelight.settings.checks import A_NEW_SECRET


class WebhookInvalid(Exception):
    """The application cannot be told or asked with these settings."""


@asynccontextmanager
async def webhooks(settings: Settings) -> AsyncIterator[WebhookNotifier | None]:
    """Return a block with the notifier, or None where no webhook URL is set. Raises WebhookInvalid."""
    if settings.webhook_url is None:
        yield None
        return
    try:
        channel = _channel(settings, timeout=settings.webhook_timeout)
        notifier = WebhookNotifier(settings.webhook_url, channel)
    except ValueError as error:
        raise WebhookInvalid(f"SAFELIGHT_WEBHOOK_URL and SAFELIGHT_WEBHOOK_SECRET cannot be used: {error}") from None
    async with channel:
        yield notifier


@asynccontextmanager
async def questions(settings: Settings, kinds: Kinds, clock: Clock, ids: Ids) -> AsyncIterator[Questioner | None]:
    """Return a block with who asks the rules of kinds, or None where no kind has rules=Webhook(...).

    Raises WebhookInvalid where there is no secret to sign with, or a URL to which nothing may go.
    """
    asking = asking_kinds(kinds)
    if not asking:
        yield None
        return
    if settings.webhook_secret is None:
        raise WebhookInvalid(
            f"Kind {next(iter(asking))!r} has rules=Webhook(...), and SAFELIGHT_WEBHOOK_SECRET, which signs what is "
            f"asked, is not set. Make one, and tell the application: {A_NEW_SECRET}"
        )
    async with _channel(settings, timeout=settings.rules_timeout) as channel:
        for name, url in asking.items():
            _see_that_it_may_go_there(channel, name, url)
        yield Questioner(channel, clock=clock, ids=ids)


def asking_kinds(kinds: Kinds) -> Mapping[str, str]:
    """Return the URL of each kind, by its name, whose rules the application is asked."""
    return {kind.name: kind.rules.url for kind in kinds.values() if kind.rules is not None}


def _channel(settings: Settings, *, timeout: timedelta) -> Channel:
    secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret else ""
    return Channel(secret, timeout=timeout, allow_private=settings.webhook_private)


def _see_that_it_may_go_there(channel: Channel, kind: str, url: str) -> None:
    try:
        channel.check_url(url)
    except ValueError:
        raise WebhookInvalid(
            f"Kind {kind!r} has rules=Webhook({url!r}), which must begin with https://. "
            "SAFELIGHT_WEBHOOK_PRIVATE=true allows http, for an application in your own network"
        ) from None
