"""The check of the webhook's settings."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safelight.apps.doctor.finding import Level, Visit
from safelight.apps.doctor.webhook import rules, webhook

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


@pytest.fixture
def asking(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a kinds file whose kind asks the application at this URL."""

    def write(url: str) -> Path:
        kinds = tmp_path / "images.py"
        kinds.write_text(
            "from safelight import Kind, Webhook, cover\n"
            f"avatar = Kind('avatar', variants={{'thumb': cover(96, 96)}}, rules=Webhook('{url}'))\n"
        )
        return kinds

    return write


async def test_where_no_kind_asks_there_is_nothing_to_mend(visit: MakeVisit) -> None:
    (found,) = await rules(visit())

    assert found.level is Level.OK


@pytest.mark.parametrize(
    ("url", "settings", "level", "word"),
    [
        (PUBLIC, {"webhook_secret": SECRET}, Level.OK, PUBLIC),
        (PUBLIC, {}, Level.WRONG, "SAFELIGHT_WEBHOOK_SECRET"),
        ("http://1.1.1.1/", {"webhook_secret": SECRET}, Level.WRONG, "https"),
        ("https://10.0.0.7/", {"webhook_secret": SECRET}, Level.WRONG, "10.0.0.7"),
        ("http://10.0.0.7/", {"webhook_secret": SECRET, "webhook_private": True}, Level.OK, "10.0.0.7"),
    ],
    ids=["well", "unsigned", "http", "private", "allowed"],
)
async def test_an_application_that_cannot_be_asked_is_wrong(
    visit: MakeVisit, asking: Callable[[str], Path], *, url: str, settings: dict[str, Any], level: Level, word: str
) -> None:
    (found,) = await rules(visit(kinds=asking(url), **settings))

    assert found.level is level
    assert word in found.seen
    assert SECRET not in found.seen + found.cure
