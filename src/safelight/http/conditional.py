"""Conditional requests (RFC 9110, 13): whether the client has it already."""

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime


def http_date(moment: datetime) -> str:
    """Return a moment as HTTP writes it, to the second."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def not_modified(*, etag: str, modified_at: datetime, if_none_match: str | None, if_modified_since: str | None) -> bool:
    """Whether the client's copy is still good. `If-None-Match` alone counts where both headers are sent."""
    if if_none_match is not None:
        return if_none_match.strip() == "*" or etag in _tags(if_none_match)
    since = _parse_date(if_modified_since)
    return since is not None and modified_at.replace(microsecond=0) <= since


def range_applies(*, etag: str, modified_at: datetime, if_range: str | None) -> bool:
    """Whether a range may be answered: without `If-Range`, or where it names exactly this object."""
    if if_range is None:
        return True
    if '"' in if_range:
        return if_range.strip() == f'"{etag}"'
    return _parse_date(if_range) == modified_at.replace(microsecond=0)


def _tags(listed: str) -> set[str]:
    """Return the opaque parts of a list of entity tags; weak ones count, as RFC 9110 has it for If-None-Match."""
    return {tag.strip().removeprefix("W/").strip('"') for tag in listed.split(",")}


def _parse_date(value: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value) if value else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)
