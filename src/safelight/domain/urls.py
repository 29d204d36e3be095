"""URLs, built from the record whenever they are needed and never kept."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

from safelight.domain import keys
from safelight.domain.image import Image, ImageId, Rendition
from safelight.domain.keys import Key


@dataclass(frozen=True, slots=True)
class Links:
    """What URLs are built on: the API's address, how the store addresses public objects, and what can be asked for.

    `lazy` has the names of lazy variants by kind: their URLs are there before they are.
    """

    api_url: str
    public_url: Callable[[Key], str]
    lazy: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def image(self, image_id: ImageId) -> str:
        """Return where the image is checked."""
        return f"{self.api_url}/v1/images/{image_id}"

    def parts(self, image_id: ImageId) -> str:
        """Return where the URLs of parts are asked for."""
        return f"{self.image(image_id)}/parts"

    def variant(self, image: Image, variant: str) -> str:
        """Return the stable address of a variant: it redirects to the rendition that suits the reader."""
        return f"{self.image(image.id)}/variants/{quote(variant)}"

    def rendition(self, image: Image, rendition: Rendition) -> str:
        """Return the direct URL of a public rendition, or the stable address of a protected one."""
        if image.public:
            return self.public_url(keys.rendition(rendition, public=True))
        exactly = urlencode({"width": rendition.width, "format": rendition.format})
        return f"{self.variant(image, rendition.variant)}?{exactly}"


def signed_until(image_id: ImageId, *, now: datetime, bucket: timedelta) -> datetime:
    """Return when a URL signed now should end: the same moment for everyone within a bucket, so that URLs cache.

    It is good for one to two buckets. Every image has its own offset, so that not all URLs change at once.
    """
    seconds = max(1, int(bucket.total_seconds()))
    offset = int.from_bytes(hashlib.sha256(image_id.encode()).digest()[:4], "big") % seconds
    begun = (int(now.timestamp()) - offset) // seconds
    return datetime.fromtimestamp((begun + 2) * seconds + offset, UTC)
