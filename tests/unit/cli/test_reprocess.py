"""`safelight reprocess`: what it is asked for, and failed images that are sent round again."""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result

from safelight.apps.beside import records_for
from safelight.domain.image import Ending, Image, State
from safelight.ports.records import Changes
from safelight.settings import Settings
from safelight.testing.samples import new_image

Run = Callable[..., Result]

NOBODY = 65534


def test_only_one_choice_of_variants_is_taken(run: Run, data: Path) -> None:
    refused = run("reprocess", "--kind", "photo", "--all", "--missing", "--data", data)

    assert refused.exit_code == 2
    assert "only one of" in refused.stderr


def test_a_kind_that_is_not_declared_is_told_with_those_that_are(run: Run, data: Path) -> None:
    refused = run("reprocess", "--kind", "avatar", "--data", data)

    assert refused.exit_code == 1
    assert "photo, private-photo" in refused.stderr


def test_without_images_there_is_nothing_to_do(run: Run, data: Path) -> None:
    done = run("reprocess", "--kind", "photo", "--data", data)

    assert done.exit_code == 0
    assert "0 images to render" in done.stdout


def test_failed_images_are_sent_round_again(run: Run, data: Path) -> None:
    asyncio.run(_plant_failed(data))

    told = run("reprocess", "--kind", "photo", "--failed", "--dry-run", "--data", data)
    before = asyncio.run(_only_image(data))
    done = run("reprocess", "--kind", "photo", "--failed", "--data", data)
    after = asyncio.run(_only_image(data))

    assert "1 failed images would be queued again" in told.stdout
    assert before.state is State.FAILED
    assert done.exit_code == 0
    assert after.state is State.UPLOADED


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_another_user_writes_no_objects_that_the_server_could_not_read(run: Run, data: Path) -> None:
    os.chown(data, NOBODY, NOBODY)

    refused = run("reprocess", "--kind", "photo", "--data", data)

    assert refused.exit_code == 1
    assert f"sudo -u '#{NOBODY}'" in refused.stderr


async def _plant_failed(data: Path) -> None:
    now = datetime.now(UTC)
    new = new_image(kind="photo", created_at=now, expires_at=now + timedelta(minutes=15))
    async with records_for(Settings(data=data)) as records, records.transaction() as tx:
        await tx.add(new)
        await tx.move(new.id, was=State.REQUESTED, now=State.UPLOADED)
        failed = Changes(ending=Ending("storage_failed", "It did not work."))
        await tx.move(new.id, was=State.UPLOADED, now=State.PROCESSING)
        await tx.move(new.id, was=State.PROCESSING, now=State.FAILED, changes=failed)


async def _only_image(data: Path) -> Image:
    async with records_for(Settings(data=data)) as records, records.reading() as snapshot:
        return await snapshot.image(new_image().id)
