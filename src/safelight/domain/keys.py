"""Object keys. We make them all, from ids; never from anything a client named.

incoming/{yyyymmdd}/{image}.{upload attempt}                     what a client may write, once
private/{image}/original                                         the verified bytes
public|private/{image}/{variant}-{fingerprint}-{width}.{ext}     a rendition
"""

import re
from datetime import datetime
from typing import NewType

from safelight.domain.formats import EXTENSIONS, OutputFormat
from safelight.domain.image import Image, ImageId, NewImage, Rendition

Key = NewType("Key", str)

INCOMING = "incoming/"
PUBLIC = "public/"
PRIVATE = "private/"

ID = r"[0-9a-f]{32}"
_INCOMING = re.compile(rf"incoming/[0-9]{{8}}/({ID})\.([1-9][0-9]{{0,3}})")
_KEPT = re.compile(
    rf"(?:public|private)/({ID})/(?:original|[a-z0-9-]+-[0-9a-f]{{16}}-[0-9]{{1,5}}\.(?:avif|webp|jpg|png))"
)


def incoming(image_id: ImageId, created_at: datetime, upload_attempt: int) -> Key:
    """Return where the client may write at that attempt. The day is that of the image's creation."""
    return Key(f"{INCOMING}{created_at:%Y%m%d}/{image_id}.{upload_attempt}")


def incoming_of(image: Image | NewImage, upload_attempt: int = 1) -> Key:
    """Return where the client may write `image` at that attempt."""
    return incoming(image.id, image.created_at, upload_attempt)


def incoming_prefix(image: Image) -> str:
    """Return what the incoming keys of all attempts begin with."""
    return f"{INCOMING}{image.created_at:%Y%m%d}/{image.id}."


def original(image_id: ImageId) -> Key:
    """Return where the verified bytes lie."""
    return Key(f"{PRIVATE}{image_id}/original")


def rendition(of: Rendition, *, public: bool) -> Key:
    """Return where a rendition lies. Two workers that make the same one write the same object."""
    extension = EXTENSIONS[OutputFormat(of.format)]
    return Key(f"{folder(of.image_id, public=public)}{of.variant}-{of.fingerprint}-{of.width}.{extension}")


def folder(image_id: ImageId, *, public: bool) -> str:
    """Return what all keys of an image begin with on the public or the private side."""
    return f"{PUBLIC if public else PRIVATE}{image_id}/"


def image_of(key: str) -> ImageId | None:
    """Return the image that a well-formed key belongs to; None for any other string."""
    match = _INCOMING.fullmatch(key) or _KEPT.fullmatch(key)
    return ImageId(match[1]) if match else None


def parse(text: str) -> Key | None:
    """Return `text` as a key if it is one that we could have made, else None."""
    return Key(text) if image_of(text) else None
