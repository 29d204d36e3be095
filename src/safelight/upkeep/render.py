"""Renders some variants of an image from its original, and stores them."""

from collections.abc import Collection
from contextlib import aclosing

from safelight.domain import keys
from safelight.domain.errors import ObjectChanged
from safelight.domain.formats import CONTENT_TYPES
from safelight.domain.image import Image, Rendition
from safelight.domain.kind import Kind
from safelight.ports.object_store import ObjectStore
from safelight.ports.renderer import Inspected, Recipe, Rendered, Renderer


async def render_variants(
    image: Image, wanted: Collection[str], *, kind: Kind, objects: ObjectStore, renderer: Renderer
) -> list[Rendition]:
    """Store the wanted variants of a verified image, and return what was made. The records know nothing of it yet.

    Raises ObjectMissing where the original was not kept, ObjectChanged where it is not the file that was verified, and
    ImageRejected.
    """
    original = await objects.head(keys.original(image.id))
    recipe = Recipe.of(kind, {name: variant for name, variant in kind.variants.items() if name in wanted})
    made = []
    async with aclosing(renderer.render(objects.get(original.key, if_match=original.etag), recipe)) as parts:
        async for part in parts:
            if isinstance(part, Inspected) and image.verified and part.sha256 != image.verified.sha256:
                raise ObjectChanged(key=original.key)
            if isinstance(part, Rendered):
                rendition = part.as_rendition(image.id, kind)
                key = keys.rendition(rendition, public=image.public)
                await objects.put(key, part.content, content_type=CONTENT_TYPES[part.format])
                made.append(rendition)
    return made


async def remove_renditions(renditions: Collection[Rendition], image: Image, objects: ObjectStore) -> None:
    """Remove what was stored for an image that is no more as it was known."""
    for rendition in renditions:
        await objects.delete(keys.rendition(rendition, public=image.public))
