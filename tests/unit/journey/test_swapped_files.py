"""Bytes that are exchanged in the store, on a disk and on a real S3 server: never kept, never rendered unseen."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from safelight.adapters.disk.object_store import DiskObjectStore
from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.object_store import open_s3_store
from safelight.domain import keys
from safelight.domain.errors import ObjectChanged
from safelight.domain.formats import InputFormat, OutputFormat
from safelight.domain.image import Image, State, Verified
from safelight.domain.outcome import Broken, Done, Outcome
from safelight.journey.process import Terms, process_image
from safelight.ports.object_store import ObjectStore
from safelight.ports.records import Changes
from safelight.ports.renderer import Inspected, Part, Recipe, Rendered
from safelight.testing.fakes import ScriptedScanner
from safelight.upkeep.render import render_variants

FILE = b"the bytes of a file"
SWAPPED = b"bytes of another one"[: len(FILE)]
LEASE = timedelta(minutes=5)


@pytest.fixture(params=["disk", "s3"])
async def objects(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    if request.param == "disk":
        with ThreadPoolExecutor(2) as io:
            yield DiskObjectStore(tmp_path / "store", io=io)
        return
    address = S3Address.parse(request.getfixturevalue("s3_url"))
    async with open_s3_store(address, request.getfixturevalue("s3_credentials")) as objects:
        yield objects
        async for stored in objects.list(""):
            await objects.delete(stored.key)


async def nothing() -> None:
    """Let all be as it is."""


class HashingRenderer:
    """Says what it read, and renders one thumb; `then` is done in between."""

    def __init__(self, then: Callable[[], Awaitable[None]] = nothing) -> None:
        self._then = then

    async def render(self, source: AsyncIterator[bytes], recipe: Recipe) -> AsyncGenerator[Part, None]:  # noqa: ARG002 - one is enough
        content = b"".join([piece async for piece in source])
        await self._then()
        yield Inspected(InputFormat.JPEG, 96, 96, 1, len(content), hashlib.sha256(content).hexdigest())
        yield Rendered("thumb", OutputFormat.WEBP, 96, 96, b"a small picture")


async def process(stage: Any, image: Image, renderer: HashingRenderer) -> Outcome:
    taken = await process_image(
        image.id,
        kinds=stage.kinds,
        records=stage.records,
        objects=stage.objects,
        scanner=ScriptedScanner(),
        renderer=renderer,
        signals=stage.signals,
        clock=stage.clock,
        terms=Terms(LEASE, max_attempts=3),
    )
    assert taken
    return taken[1]


async def read(objects: ObjectStore, key: keys.Key) -> bytes:
    stored = await objects.head(key)
    return b"".join([piece async for piece in objects.get(key, if_match=stored.etag)])


async def test_an_upload_that_is_exchanged_while_it_is_rendered_is_not_kept(stage: Any, objects: ObjectStore):
    """What is kept as the original is what was rendered; the next try takes the new bytes, whole."""
    stage.objects = objects
    image = await stage.image_in(State.UPLOADED)
    incoming, original = keys.incoming_of(image), keys.original(image.id)
    await objects.put(incoming, FILE, content_type="image/jpeg")

    async def swap() -> None:
        await objects.put(incoming, SWAPPED, content_type="image/jpeg")

    outcome = await process(stage, image, HashingRenderer(swap))
    kept = {stored.key async for stored in objects.list(original)}
    stage.clock.advance(2 * LEASE)
    again = await process(stage, image, HashingRenderer())

    assert isinstance(outcome, Broken)
    assert (outcome.code, kept) == ("object_changed", set())
    assert isinstance(again, Done)
    assert await read(objects, original) == SWAPPED
    verified = (await stage.stored(image.id)).verified
    assert verified.sha256 == hashlib.sha256(SWAPPED).hexdigest()


async def test_an_original_that_was_exchanged_is_not_rendered_again(stage: Any, objects: ObjectStore):
    """Its hash tells, even where it has the size of the old one; nothing is stored."""
    image = await stage.image_in(State.PROCESSING)
    async with stage.records.transaction() as tx:
        sha256 = hashlib.sha256(FILE).hexdigest()
        verified = Verified("image/jpeg", len(FILE), sha256, 96, 96, renditions_expected=1)
        await tx.note_verified(image.id, attempt=1, verified=verified, look=None)
        image = await tx.move(image.id, was=State.PROCESSING, now=State.READY, changes=Changes(original_kept=True))
    await objects.put(keys.original(image.id), SWAPPED, content_type="image/jpeg")

    with pytest.raises(ObjectChanged):
        await render_variants(image, {"thumb"}, kind=stage.kinds["avatar"], objects=objects, renderer=HashingRenderer())

    assert {stored.key async for stored in objects.list("")} == {keys.original(image.id)}
