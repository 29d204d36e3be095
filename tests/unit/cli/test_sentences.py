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


def test_any_other_value_is_shown_with_what_is_wrong_with_it():
    assert told(port="many").startswith("SAFELIGHT_PORT = 'many': ")
