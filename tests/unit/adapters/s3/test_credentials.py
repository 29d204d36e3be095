"""Keys are found as AWS's tools find them, renewed in time, and shown to nobody."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from botocore.credentials import RefreshableCredentials

from safelight.adapters.s3 import credentials as s3_credentials
from safelight.adapters.s3.credentials import AccessKey, open_credentials
from safelight.domain.errors import StorageFailed


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let there be no credentials on this machine, and nobody asked for them."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


async def test_the_environment_is_looked_at_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    async with open_credentials() as credentials:
        assert credentials.current() == AccessKey("AKIDEXAMPLE", "secret")
        assert not credentials.renewed


async def test_a_shared_file_is_read(tmp_path: Path):
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = AKIDFILE\naws_secret_access_key = secret\n")

    async with open_credentials() as credentials:
        assert credentials.current().access_key == "AKIDFILE"


async def test_those_that_the_address_names_come_before_all_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    (tmp_path / "credentials").write_text("[old]\naws_access_key_id = AKIDOLD\naws_secret_access_key = secret\n")

    async with open_credentials("old") as credentials:
        assert credentials.current().access_key == "AKIDOLD"
    with pytest.raises(StorageFailed, match="new"):
        async with open_credentials("new"):
            pass


async def test_where_there_are_none_it_is_said_how_to_give_them():
    with pytest.raises(StorageFailed, match="AWS_ACCESS_KEY_ID"):
        async with open_credentials():
            pass


class Role:
    """A machine's role, whose keys are new each time, until it has been asked `times` times."""

    def __init__(self, *, times: int) -> None:
        self.asked = 0
        self.refused = Event()
        self._times = times

    def __call__(self) -> dict[str, str]:
        self.asked += 1
        if self.asked > self._times:
            self.refused.set()
            raise OSError("no route to the metadata")
        soon = datetime.now(UTC) + timedelta(minutes=12)  # botocore renews what ends within 15 minutes
        return {
            "access_key": f"ASIA{self.asked}",
            "secret_key": "secret",
            "token": "a session",
            "expiry_time": soon.isoformat(),
        }


@pytest.mark.parametrize("times", [3, 2])
async def test_keys_that_end_are_renewed_and_those_of_before_stay_while_that_fails(
    monkeypatch: pytest.MonkeyPatch, times: int
):
    role = Role(times=times)
    found = RefreshableCredentials.create_from_metadata(role(), role, "role")
    monkeypatch.setattr(s3_credentials, "_find", lambda _profile: found)
    monkeypatch.setattr(s3_credentials, "SEEN_AFTER_EVERY", timedelta(0))

    async with open_credentials() as credentials:
        assert await asyncio.to_thread(role.refused.wait, 10)

        assert credentials.renewed
        assert credentials.current() == AccessKey(f"ASIA{times}", "secret", "a session")


def test_a_key_shows_its_name_alone():
    shown = repr(AccessKey("AKIDEXAMPLE", "secret", "a session")) + str([AccessKey("AKIDEXAMPLE", "secret")])

    assert "AKIDEXAMPLE" in shown
    assert "secret" not in shown
    assert "session" not in shown
