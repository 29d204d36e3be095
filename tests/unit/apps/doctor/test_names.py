"""The check of the names in the environment."""

from collections.abc import Callable

import pytest

from safelight.apps.doctor.finding import Level, Visit
from safelight.apps.doctor.names import setting_names

MakeVisit = Callable[..., Visit]


def test_a_mistyped_setting_is_told_with_the_one_that_is_meant(
    visit: MakeVisit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFELIGHT_WEBHOOK_SECRT", "x")

    (found,) = setting_names(visit())

    assert found.level is Level.WARNING
    assert "SAFELIGHT_WEBHOOK_SECRT is no setting" in found.seen
    assert "SAFELIGHT_WEBHOOK_SECRET" in found.cure


def test_settings_and_what_the_client_reads_are_well(visit: MakeVisit, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SAFELIGHT_PORT", "SAFELIGHT_URL", "SAFELIGHT_API_KEY"):
        monkeypatch.setenv(name, "8080")

    assert setting_names(visit()) == []
