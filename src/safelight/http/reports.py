"""How an image's standing goes out: the one JSON shape, with ETag and Retry-After."""

import re

from litestar import Response

from safelight.domain.report import ImageReport, report
from safelight.http.parts import Parts
from safelight.journey.check import Standing

RETRY_AFTER_S = 1
"""While an image is under way. Whoever would rather wait than ask again sends `Prefer: wait=N`."""

_ETAG = re.compile(r'W/"r(\d{1,18})"')


def report_of(standing: Standing, parts: Parts) -> ImageReport:
    """Return what is said of the image."""
    return report(standing.image, standing.renditions, parts.links)


def report_response(standing: Standing, parts: Parts, *, status: int = 200) -> Response[ImageReport]:
    """Return the answer to CHECK."""
    headers = {"etag": etag(standing), "cache-control": "private, no-cache"}
    if not standing.is_final:
        headers["retry-after"] = str(RETRY_AFTER_S)
    return Response(report_of(standing, parts), status_code=status, headers=headers)


def etag(standing: Standing) -> str:
    """Return the ETag: weak, because URLs in the report may differ between two answers of one revision."""
    return f'W/"r{standing.image.revision}"'


def revision_in(if_none_match: str | None) -> int | None:
    """Return the revision that a client has seen, None where it names none of ours."""
    match = _ETAG.search(if_none_match or "")
    return int(match[1]) if match else None
