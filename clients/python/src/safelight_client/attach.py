"""The application's record that an image is for, as callers write it."""

from safelight_client.image import Attachment

Attach = tuple[str, str | int] | Attachment
"""The record's type and id, in the application's words, such as ("user", 42)."""


def attachment(attach: Attach | None) -> Attachment | None:
    """Return the record that an image is for, if any."""
    return None if attach is None else record(attach)


def record(to: Attach) -> Attachment:
    """Return the record that the caller meant."""
    return Attachment(to[0], str(to[1])) if isinstance(to, tuple) else to


def query(
    kind: str | None, status: str | None, owner: str | None, attached_to: Attach | None, page_size: int | None
) -> dict[str, str | None]:
    """Return the query that lists the images that fit; None does not restrict."""
    target = attachment(attached_to)
    return {
        "kind": kind,
        "status": status,
        "owner": owner,
        "attached_type": target.type if target else None,
        "attached_id": target.id if target else None,
        "limit": None if page_size is None else str(page_size),
    }
