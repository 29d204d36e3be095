"""Where webhooks go. URL and secret were checked with the settings; here, whether the name leads to where one may."""

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from safelight.adapters.webhook.guard import is_public, system_resolver
from safelight.apps.doctor.finding import Finding, Visit, fine, wrong


async def webhook(visit: Visit) -> list[Finding]:
    """See that messages may go where the URL leads."""
    settings = visit.settings
    if settings.webhook_url is None:
        return fine("webhook", "none is set")
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
