"""The data folder: whether it can be written, by nobody else, with room, and by our clock."""

import os
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from stat import S_IMODE

from safelight.apps.doctor.finding import Finding, Visit, fine, warning, wrong

OTHERS = 0o077
GB = 1_000_000_000

MOST_CLOCK_DIFFERENCE = timedelta(seconds=2)
"""FAT's resolution, the coarsest of any file system's times; signed URLs and leases do not mind so much."""


def data_folder(visit: Visit) -> list[Finding]:
    """Write a file into it."""
    folder = visit.settings.data
    if not folder.exists():
        return warning(
            "data folder", f"there is no folder {folder} yet", f"safelight up makes it; or name another: {_OTHER}"
        )
    if not folder.is_dir():
        return wrong("data folder", f"{folder} is a file", f"Move it away, or name another: {_OTHER}")
    try:
        _probe(folder)
    except OSError as error:
        return wrong(
            "data folder",
            f"{folder} cannot be written: {error.strerror}",
            f"Mount it writable, and give it to the user that runs Safelight: chown -R {os.geteuid()} {folder}",
        )
    return fine("data folder", str(folder.absolute()))


def private_folder(visit: Visit) -> list[Finding]:
    """See that nobody else may look into it."""
    mode = S_IMODE(visit.settings.data.stat().st_mode)
    if mode & OTHERS:
        return wrong(
            "privacy",
            f"other users of this machine may look into the data folder (mode {mode:o})",
            f"chmod 700 {visit.settings.data}",
        )
    return fine("privacy", "nobody else may look into the data folder")


def owner(visit: Visit) -> list[Finding]:
    """See that whoever asks is who the server runs as: what they may do says nothing of what the server may."""
    uid = visit.settings.data.stat().st_uid
    if uid == os.geteuid():
        return []
    return warning(
        "owner",
        f"the data folder belongs to user {uid}, and this command runs as user {os.geteuid()}",
        f"sudo -u '#{uid}' safelight doctor",
    )


def free_space(visit: Visit) -> list[Finding]:
    """Compare what is left with what must be."""
    free, least = shutil.disk_usage(visit.settings.data).free, visit.settings.min_free_bytes
    seen = f"{free / GB:,.1f} GB free"
    cure = "Make room or use a larger disk; SAFELIGHT_MIN_FREE_BYTES says how much must stay free"
    if free < least:
        return wrong("free space", f"{seen}, under the {least / GB:,.1f} GB from which uploads are refused", cure)
    if free < 2 * least:
        return warning("free space", f"{seen}; under {least / GB:,.1f} GB uploads are refused", cure)
    return fine("free space", seen)


def clock(visit: Visit) -> list[Finding]:
    """Compare the system's clock with the time that the file system gives a file that is written now."""
    before = visit.clock.now().timestamp()
    written = _probe(visit.settings.data)
    after = visit.clock.now().timestamp()
    difference = timedelta(seconds=max(before - written, written - after, 0.0))
    if difference > MOST_CLOCK_DIFFERENCE:
        return wrong(
            "clock",
            f"the system's clock and the file system's differ by {difference}",
            "Keep the clocks of this machine and of its file server right: run an NTP service on both",
        )
    return fine("clock", "the system's clock and the file system's agree")


def _probe(folder: Path) -> float:
    """Write a file that is gone afterwards; return when the file system says it was written. Raises OSError."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
        file.write(b"probe")
        file.flush()
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_mtime


_OTHER = "--data, or SAFELIGHT_DATA"
