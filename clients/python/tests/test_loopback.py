import hashlib
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from safelight_client import ConnectionFailed, Progress, Status, Step

MB = 1_000_000
CONTENT = hashlib.sha256(b"cat").digest() * (24 * MB // 32)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Return a file of 24 MB, more than any buffer in between."""
    path = tmp_path / "cat.jpg"
    path.write_bytes(CONTENT)
    return path


async def test_an_upload_that_breaks_off_is_sent_again_from_the_start(
    loopback: Any, open_client: Callable[..., Any], photo: Path
) -> None:
    loopback.breaks = 2
    heard: list[Progress] = []

    image = await open_client(loopback.url).upload(photo, kind="avatar", on_progress=heard.append)

    (stored,) = loopback.server.objects.values()
    assert image.status is Status.READY
    assert stored.sha256 == hashlib.sha256(CONTENT).hexdigest()
    sent = [one.bytes_sent for one in heard if one.step is Step.UPLOADING]
    assert sum(later < earlier for earlier, later in pairwise(sent)) == 2


async def test_an_upload_that_breaks_off_every_time_is_given_up(
    loopback: Any, open_client: Callable[..., Any], photo: Path
) -> None:
    loopback.breaks = 99

    with pytest.raises(ConnectionFailed) as caught:
        await open_client(loopback.url).upload(photo, kind="avatar")

    assert caught.value.retryable
    assert loopback.breaks == 95
    assert loopback.server.objects == {}


async def test_memory_does_not_grow_with_the_file(loopback: Any, open_client: Callable[..., Any], photo: Path) -> None:
    safelight = open_client(loopback.url)
    await safelight.get(loopback.server.add())

    tracemalloc.start()
    await safelight.upload(photo, kind="avatar", checksum="sha256")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 4 * MB
