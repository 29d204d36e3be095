"""Safelight: images from users, taken in safely.

A kinds file needs `Kind`, `cover` and `fit`.
"""

from safelight.domain.kind import Kind
from safelight.domain.variant import cover, fit

__all__ = ["Kind", "cover", "fit"]
