"""The doctor does not approve of settings with which no host would start."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from safelight.apps.doctor.finding import Level, Visit
from safelight.apps.doctor.sharing import sharing
from safelight.apps.lock import data_lock
from safelight.apps.start import CannotStart, Part, see_that_it_can_start

MakeVisit = Callable[..., Visit]

ON_POSTGRES = {"database_url": SecretStr("postgresql://me@127.0.0.1:9/none")}


async def test_all_that_a_start_would_refuse_is_wrong_and_has_a_cure(visit: MakeVisit) -> None:
    many_hosts = visit(**ON_POSTGRES)

    found = sharing(many_hosts)

    with pytest.raises(CannotStart) as refused:
        await see_that_it_can_start(many_hosts.settings, Part.API)
    assert [one.seen for one in found] == [
        f"SAFELIGHT_{name} is not set" for name in ("KINDS", "PUBLIC_URL", "UPLOADS_URL")
    ]
    assert {f"{one.seen}. {one.cure}" for one in found} <= set(refused.value.reasons)
    assert {one.level for one in found} == {Level.WRONG}


def test_what_is_said_is_not_asked_for(visit: MakeVisit, tmp_path: Path) -> None:
    (tmp_path / "kinds.py").write_text("from safelight import Kind\navatar = Kind('avatar')\n")
    said = {"public_url": "https://a.example", "storage_url": "s3://bucket?region=eu-central-1"}

    assert sharing(visit(**ON_POSTGRES, **said, kinds=tmp_path / "kinds.py")) == []


def test_one_process_that_serves_everything_needs_none_of_it(visit: MakeVisit, data: Path) -> None:
    with data_lock(data):
        assert sharing(visit(**ON_POSTGRES)) == []

    assert sharing(visit()) == []
