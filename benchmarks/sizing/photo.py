"""A photo to be uploaded."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Photo:
    """A file to upload."""

    name: str
    content: bytes
