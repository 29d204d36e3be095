"""Safelight: images from users, taken in safely.

A kinds file needs `Kind`, `cover` and `fit`.
"""

from importlib.metadata import version

from safelight.domain.kind import Kind
from safelight.domain.variant import cover, fit

__all__ = ["Kind", "__version__", "cover", "fit"]

__version__ = version("safelight")
