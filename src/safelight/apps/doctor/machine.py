"""What the operating system must give: files enough, files in memory, a temporary folder."""

import os
import resource
import tempfile
from pathlib import Path

from safelight.apps.doctor.finding import Finding, Visit, fine, warning, wrong
from safelight.domain.kind import MAX_RENDITIONS
from safelight.worker import memfile

FILES_PER_CONNECTION = 2
"""The socket, and what is written or read for it."""

FILES_PER_SLOT = MAX_RENDITIONS + 8
"""A file in memory for each rendition, and what else ties a slot to its zygote."""

OTHER_FILES = 100
"""Database, log, libraries."""

PROBE = b"probe"


def descriptors(visit: Visit) -> list[Finding]:
    """Compare the limit with what as many connections as are allowed would need."""
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    settings = visit.settings
    need = FILES_PER_CONNECTION * settings.max_connections + FILES_PER_SLOT * settings.slots + OTHER_FILES
    if limit != resource.RLIM_INFINITY and limit < need:
        return warning(
            "open files",
            f"{limit:,} are allowed; {settings.max_connections:,} connections may need {need:,}",
            f"ulimit -n {need} before the start, LimitNOFILE={need} for systemd; or lower SAFELIGHT_MAX_CONNECTIONS",
        )
    return fine("open files", "as many as needed" if limit == resource.RLIM_INFINITY else f"{limit:,} are allowed")


def memory_files(_visit: Visit) -> list[Finding]:
    """Write and seal a file in memory, as the worker does for each image."""
    try:
        file = memfile.create("doctor")
        try:
            memfile.write(file, PROBE)
            memfile.seal(file)
            memfile.read(file, len(PROBE))
        finally:
            os.close(file)
    except OSError as error:
        return wrong(
            "memory files",
            f"memfd_create cannot be used: {error.strerror}",
            "Allow memfd_create and file sealing in the container's seccomp profile, and files of any size (ulimit -f)",
        )
    return fine("memory files", "can be made and sealed")


def temporary_folder(_visit: Visit) -> list[Finding]:
    """Write into the folder where SQLite puts what does not fit into memory."""
    named = os.environ.get("TMPDIR")
    try:
        with tempfile.TemporaryFile() as file:
            file.write(PROBE)
    except OSError as error:
        seen = f"nothing can be written into a temporary folder: {error.strerror or error}"
        return wrong("temporary folder", seen, "Give the process a writable /tmp, or name a folder: TMPDIR")
    if named and Path(tempfile.gettempdir()) != Path(named):
        seen = f"TMPDIR is {named}, which cannot be written"
        return warning("temporary folder", seen, f"Mend TMPDIR; {tempfile.gettempdir()} is used instead")
    return fine("temporary folder", tempfile.gettempdir())
