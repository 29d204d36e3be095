"""How browsers are told to show what is stored, whoever serves it. It follows from the key that we made alone."""

from safelight.domain.formats import CONTENT_TYPES, EXTENSIONS
from safelight.domain.keys import Key

OCTETS = "application/octet-stream"

YEAR_SECONDS = 31_536_000
"""RFC 9111 knows no longer freshness worth naming; the key of a rendition never gets other bytes."""

PUBLIC_CACHING = f"public, max-age={YEAR_SECONDS}, immutable"

_TYPES = {extension: CONTENT_TYPES[output] for output, extension in EXTENSIONS.items()}
"""Content types by the extension of the key. What has none is an original."""


def file_name(key: Key) -> str:
    """Return the last part of a key."""
    return key.rpartition("/")[2]


def is_shown(key: Key) -> bool:
    """Whether a browser may show the object: a rendition, and nothing that came from a client."""
    return _extension(key) in _TYPES


def content_type(key: Key) -> str:
    """Return the type that the object is sent with: that of a rendition, or octets."""
    return _TYPES.get(_extension(key), OCTETS)


def _extension(key: Key) -> str:
    return file_name(key).rpartition(".")[2]
