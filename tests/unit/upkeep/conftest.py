"""Images with renditions where they belong, for tests of what moves them."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from safelight.domain import keys
from safelight.domain.image import Image, ImageId, State
from safelight.ports.records import Changes
from safelight.testing.samples import rendition

VARIANTS = ("thumb", "wide", "poster")

MakeImage = Callable[..., Awaitable[Image]]


@pytest.fixture
def image_with_files(stage: Any) -> MakeImage:
    """Makes images in a state, with three renditions and an original, each where it belongs."""

    async def make(state: State = State.READY, *, public: bool = True, hidden: bool = False) -> Image:
        image: Image = await stage.image_in(State.PROCESSING, public=public, hidden=hidden)
        async with stage.records.transaction() as tx:
            for variant in VARIANTS:
                one = rendition(image.id, variant)
                stage.objects.keep(keys.rendition(one, public=public), variant.encode())
                await tx.add_rendition(one, attempt=image.attempt)
            kept = Changes(original_kept=True)
            image = await tx.move(image.id, was=State.PROCESSING, now=state, changes=kept)
        stage.objects.keep(keys.original(image.id), b"original")
        return image

    return make


@pytest.fixture
def sides(stage: Any) -> Callable[[ImageId], Awaitable[tuple[set[str], set[str]]]]:
    """Tells which variants of an image lie on the public, and which on the private side."""

    async def tell(image_id: ImageId) -> tuple[set[str], set[str]]:
        found: tuple[set[str], set[str]] = (set(), set())
        for key in await stage.keys():
            if image_id in key and not key.endswith("/original"):
                found[key.startswith(keys.PRIVATE)].add(key.rpartition("/")[2].partition("-")[0])
        return found

    return tell
