"""The check of the webhook's settings."""

import base64
from collections.abc import Callable

import pytest

from safelight.apps.doctor.finding import Level, Visit
from safelight.apps.doctor.webhook import webhook

MakeVisit = Callable[..., Visit]

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
PUBLIC = "https://1.1.1.1/hook"


async def test_without_a_url_there_is_nothing_to_mend(visit: MakeVisit) -> None:
    (found,) = await webhook(visit())

    assert found.level is Level.OK


async def test_a_public_url_with_a_secret_is_well(visit: MakeVisit) -> None:
    (found,) = await webhook(visit(webhook_url=PUBLIC, webhook_secret=SECRET))

    assert found.level is Level.OK


@pytest.mark.parametrize(
    ("settings", "seen", "cure"),
    [
        ({"webhook_url": "https://10.0.0.7/", "webhook_secret": SECRET}, "10.0.0.7", "WEBHOOK_PRIVATE=true"),
        ({"webhook_url": "https://localhost/", "webhook_secret": SECRET}, "private address", "WEBHOOK_PRIVATE=true"),
    ],
)
async def test_what_cannot_be_delivered_is_wrong(
    visit: MakeVisit, settings: dict[str, str], seen: str, cure: str
) -> None:
    (found,) = await webhook(visit(**settings))

    assert found.level is Level.WRONG
    assert seen in found.seen
    assert cure in found.cure
    assert SECRET not in found.seen + found.cure


async def test_a_private_address_is_well_where_it_is_allowed(visit: MakeVisit) -> None:
    (found,) = await webhook(visit(webhook_url="http://10.0.0.7/", webhook_secret=SECRET, webhook_private=True))

    assert found.level is Level.OK
