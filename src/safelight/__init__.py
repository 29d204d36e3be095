"""Safelight: images from users, taken in safely.

A kinds file needs `Kind`, `cover` and `fit`; `Webhook` asks the application for its rules, `ClamAV` scans files.
"""

from importlib.metadata import version

from safelight.domain.hooks import ClamAV, Webhook
from safelight.domain.kind import Kind
from safelight.domain.variant import cover, fit

__all__ = ["ClamAV", "Kind", "Webhook", "__version__", "cover", "fit"]

__version__ = version("safelight")
