"""File names from outside are for showing only. They are cleaned, never refused, and never part of a key."""

import re
import unicodedata

MAX_BYTES = 255
"""NAME_MAX of the usual file systems, so that a download can keep the name."""

UNSHOWN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories left out: controls, bidirectional and invisible marks, unassigned, line separators."""


def clean(name: str) -> str:
    """Return the name to show: the last part of a path, NFC, all of it visible, at most 255 bytes of UTF-8."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = "".join(char for char in last if unicodedata.category(char) not in UNSHOWN).strip(" .")
    return _shorten(shown) or "image"


def _shorten(name: str) -> str:
    """Cut the stem, so that the extension survives."""
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension) > 10:  # noqa: PLR2004 - longer is no extension
        stem, dot, extension = name, "", ""
    room = MAX_BYTES - len((dot + extension).encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + extension
