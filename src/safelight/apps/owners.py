"""What the settings allow one owner."""

from safelight.domain.owner import OwnerLimits
from safelight.settings import Settings


def limits_of(settings: Settings) -> OwnerLimits:
    """Return the limits of every owner."""
    return OwnerLimits(
        requests_per_minute=settings.owner_requests_per_minute,
        open_uploads=settings.owner_open_uploads,
        images=settings.owner_images,
        bytes=settings.owner_bytes,
    )
