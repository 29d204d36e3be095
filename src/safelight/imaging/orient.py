"""Pixels into memory, the right way up."""

from safelight.imaging.work import Work


def settle(work: Work) -> None:
    """Compute the pixels, all in one go from the top to the bottom of the file, and turn them upright."""
    work.image = work.image.copy_memory()
    if work.opened.turn != 1:
        work.image = work.image.autorot().copy_memory()
