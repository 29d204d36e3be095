"""Records to begin a test with."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from safelight.domain.events import AuditEvent
from safelight.domain.image import Attachment, ImageId, Look, NewImage, Rendition, Verified
from safelight.ports.snapshot import AuditFilter, Snapshot
from safelight.testing.fakes import NOW

UPLOAD_TTL = timedelta(minutes=15)

A_NEW_IMAGE = NewImage(
    id=ImageId("0190aaaabbbb7ccc8dddeeeeffff0123"),
    kind="avatar",
    public=True,
    owner="user-42",
    attached_to=Attachment("user", "42"),
    filename="me.jpg",
    declared_type="image/jpeg",
    declared_bytes=4_167_727,
    checksum=None,
    created_at=NOW,
    expires_at=NOW + UPLOAD_TTL,
)

VERIFIED = Verified("image/jpeg", 4_167_727, "ab" * 32, 4032, 3024, renditions_expected=2)
LOOK = Look(placeholder="3OcRJYB4d3h/iIeHeEh3eIhw+j2w", color="#7a5b3c")


def new_image(number: int = 1, **changes: Any) -> NewImage:
    """Return an image that can be added. Images of higher numbers have later ids; `changes` replace its fields."""
    return replace(A_NEW_IMAGE, **{"id": ImageId(f"{number:032x}"), **changes})


def rendition(image_id: ImageId, variant: str = "thumb", **changes: Any) -> Rendition:
    """Return a stored rendition of an image; `changes` replace its fields."""
    return replace(Rendition(image_id, variant, "0123456789abcdef", "webp", 96, 96, 3120), **changes)


async def audit_of(image_id: ImageId, snapshot: Snapshot) -> list[AuditEvent]:
    """Return what was done to an image: oldest first."""
    return [event for _, event in await snapshot.audit_log(AuditFilter(image_id=image_id), after=None, limit=100)]
