"""How an image's standing goes out: the one JSON shape, with ETag and Retry-After."""

import re

from litestar import Response

from safelight.domain.image import ImageId
from safelight.domain.report import ImageReport, report
from safelight.http.auth import ApiRequest, is_application
from safelight.http.parts import Parts
from safelight.journey.check import Standing, check_image

RETRY_AFTER_S = 1
"""While an image is under way. Whoever would rather wait than ask again sends `Prefer: wait=N`."""

_ETAG = re.compile(r'W/"r(\d{1,18})"')


async def standing_of(image_id: ImageId, parts: Parts) -> Standing:
    """Return how the image stands now. Raises ImageNotFound."""
    return await check_image(image_id, records=parts.records, signals=parts.signals, clock=parts.clock)


def report_of(standing: Standing, parts: Parts, *, to_application: bool = False) -> ImageReport:
    """Return what is said of the image."""
    return report(standing.image, standing.renditions, parts.links, to_application=to_application)


def report_response(
    standing: Standing, request: ApiRequest, parts: Parts, *, status: int = 200
) -> Response[ImageReport]:
    """Return the answer to CHECK, as whoever calls may hear it."""
    content = report_of(standing, parts, to_application=is_application(request))
    return Response(content, status_code=status, headers=standing_headers(standing))


def no_news_response(standing: Standing) -> Response[None]:
    """Return the answer to a CHECK whose caller has seen this revision."""
    return Response(None, status_code=304, headers=standing_headers(standing))


def standing_headers(standing: Standing) -> dict[str, str]:
    """Return what caches and pollers go by. The ETag is weak: a setting can change URLs within one revision."""
    headers = {"etag": f'W/"r{standing.image.revision}"', "cache-control": "private, no-cache"}
    return headers if standing.is_final else headers | {"retry-after": str(RETRY_AFTER_S)}


def revision_in(if_none_match: str | None) -> int | None:
    """Return the revision that a client has seen, None where it names none of ours."""
    match = _ETAG.search(if_none_match or "")
    return int(match[1]) if match else None
