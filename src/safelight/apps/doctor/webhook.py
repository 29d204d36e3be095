"""Where webhooks and questions go: whether the name leads to where one may. The rest was checked with the settings."""

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from safelight.adapters.system import SystemIds
from safelight.adapters.webhook.guard import is_public, system_resolver
from safelight.apps.doctor.finding import Finding, Visit, fine, wrong
from safelight.apps.webhooks import WebhookInvalid, asking_kinds, questions
from safelight.domain.errors import KindInvalid
from safelight.settings import Settings


async def webhook(visit: Visit) -> list[Finding]:
    """See that messages may go where the URL leads."""
    settings = visit.settings
    if settings.webhook_url is None:
        return fine("webhook", "none is set")
    return await _destination("webhook", settings.webhook_url, "SAFELIGHT_WEBHOOK_URL", settings)


async def rules(visit: Visit) -> list[Finding]:
    """See that the application can be asked where kinds have rules=Webhook(...)."""
    if isinstance(visit.kinds, KindInvalid):
        return []  # another check tells of that
    asking = asking_kinds(visit.kinds)
    if not asking:
        return fine("rules", "no kind asks the application")
    try:
        async with questions(visit.settings, visit.kinds, visit.clock, SystemIds()):
            pass
    except WebhookInvalid as error:
        return wrong("rules", str(error), "Safelight does not start before that is mended")
    found = [
        await _destination("rules", url, f"rules=Webhook(...) of kind {name!r}", visit.settings)
        for name, url in asking.items()
    ]
    return [finding for findings in found for finding in findings]


async def _destination(what: str, url: str, where: str, settings: Settings) -> list[Finding]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        found = await system_resolver(host, parts.port or 443)
    except OSError as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else str(error)
        return wrong(what, f"the name {host} leads nowhere: {reason}", f"Mend {where}, or the DNS")
    private = [address for address in found if not is_public(ip_address(address))]
    if private and not settings.webhook_private:
        return wrong(
            what,
            f"{host} has the private address {private[0]}, where nothing is sent to",
            "SAFELIGHT_WEBHOOK_PRIVATE=true allows it, if the application is in your own network",
        )
    return fine(what, f"goes to {url}")
