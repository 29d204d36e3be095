"""The webhook's settings."""

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from safelight.adapters.webhook.guard import is_public, system_resolver
from safelight.apps.doctor.finding import Finding, Visit, fine, wrong
from safelight.apps.worker import WebhookInvalid, webhooks

A_NEW_ONE = "echo whsec_$(head -c 32 /dev/urandom | base64)"


async def webhook(visit: Visit) -> list[Finding]:
    """See that URL and secret can be used, and that messages may go where the URL leads."""
    settings = visit.settings
    if settings.webhook_url is None:
        return fine("webhook", "none is set")
    if settings.webhook_secret is None:
        return wrong(
            "webhook",
            "SAFELIGHT_WEBHOOK_URL is set and SAFELIGHT_WEBHOOK_SECRET is not",
            f"Make one, and tell it to the application: {A_NEW_ONE}",
        )
    try:
        async with webhooks(settings):
            pass
    except WebhookInvalid as error:
        return wrong("webhook", str(error), f"Mend the setting. This makes a secret: {A_NEW_ONE}")
    return await _destination(settings.webhook_url, allow_private=settings.webhook_private)


async def _destination(url: str, *, allow_private: bool) -> list[Finding]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        found = await system_resolver(host, parts.port or 443)
    except OSError as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else str(error)
        return wrong("webhook", f"the name {host} leads nowhere: {reason}", "Mend SAFELIGHT_WEBHOOK_URL, or the DNS")
    private = [address for address in found if not is_public(ip_address(address))]
    if private and not allow_private:
        return wrong(
            "webhook",
            f"{host} has the private address {private[0]}, where nothing is sent to",
            "SAFELIGHT_WEBHOOK_PRIVATE=true allows it, if the application is in your own network",
        )
    return fine("webhook", f"goes to {url}")
