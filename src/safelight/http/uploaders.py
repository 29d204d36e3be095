"""Who may send and confirm the bytes of an image."""

from safelight.domain.image import Image, ImageId
from safelight.domain.tokens import Purpose
from safelight.domain.who import Scope
from safelight.http.auth import ApiRequest, Caller, caller_of, reach_image
from safelight.http.callers import By
from safelight.http.parts import Parts

UPLOADERS = (By.UPLOAD_KEY, By.OWNER, By.WRITE_TOKEN)

SECRET = {"cache-control": "no-store"}
"""For answers that hold tokens."""


async def writable(
    image_id: str, request: ApiRequest, parts: Parts, action: str, *, spent: bool = False
) -> tuple[Caller, Image]:
    """Return who calls, and the image, whose bytes it may send. Raises what `reach_image` does."""
    caller = await caller_of(request, parts)
    image = await reach_image(
        caller, ImageId(image_id), parts, scope=Scope.UPLOAD, purposes=(Purpose.WRITE,), action=action, spent=spent
    )
    return caller, image
