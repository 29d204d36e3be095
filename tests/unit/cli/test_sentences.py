"""What is told of mistakes says what to do, and repeats no secret."""

from typing import Any

import pytest
from pydantic import ValidationError

from safelight.cli.sentences import of_settings
from safelight.settings import Settings


def told(**given: Any) -> str:
    """Return what is told of settings that cannot be used."""
    with pytest.raises(ValidationError) as raised:
        Settings(**given)
    return "\n".join(of_settings(raised.value))


@pytest.mark.parametrize(
    "given",
    [
        {"storage_url": "s3://AKIA:hidden@bucket?region=eu-central-1"},
        {"storage_url": "s3://bucket?region=eu-central-1&secret_key=hidden"},
        {"storage_mirror": "s3://bucket?region=eu-central-1&endpoint=https://AKIA:hidden@host"},
        {"database_url": "mysql://me:hidden@db.example/safelight"},
    ],
)
def test_a_url_that_may_hold_credentials_is_not_repeated(given: dict[str, str]):
    (name,) = given

    said = told(**given)

    assert f"SAFELIGHT_{name.upper()}: " in said
    assert "hidden" not in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"port": "many"}, "SAFELIGHT_PORT = 'many': must be a whole number"),
        ({"port": "80000"}, "SAFELIGHT_PORT = '80000': must be 65535 at most"),
        ({"slots": "0"}, "SAFELIGHT_SLOTS = '0': must be 1 or more"),
        ({"max_wait": "30s"}, "SAFELIGHT_MAX_WAIT = '30s': must be a number of seconds, such as 90"),
        ({"max_wait": "0"}, "SAFELIGHT_MAX_WAIT = '0': must be more than 0 seconds"),
        ({"shutdown_delay": "-1"}, "SAFELIGHT_SHUTDOWN_DELAY = '-1': must be from 0 to 300 seconds"),
        ({"upload_ttl": "3600"}, "SAFELIGHT_UPLOAD_TTL = '1:00:00': must be 15 minutes at most"),
        ({"log_format": "xml"}, "SAFELIGHT_LOG_FORMAT = 'xml': must be 'console' or 'json'"),
        (
            {"public_url": "images.example"},
            "SAFELIGHT_PUBLIC_URL = 'images.example': must begin with https:// or http://",
        ),
        ({"webhook_private": "perhaps"}, "SAFELIGHT_WEBHOOK_PRIVATE = 'perhaps': must be true or false"),
        ({"secrets": "not-there"}, "SAFELIGHT_SECRETS = 'not-there': must be the path of a folder that is there"),
    ],
)
def test_any_other_value_is_shown_with_what_it_must_be(given: dict[str, Any], said: str):
    assert told(**given) == said
