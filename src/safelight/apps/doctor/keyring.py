"""The signing keys, which every token and signed URL stands on."""

import os
from stat import S_IMODE

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.keyring import NOT_THE_OWNER, KeyringInvalid, read_keyring
from safelight.adapters.records.tables import image
from safelight.apps.doctor.finding import Finding, Level, Visit, fine, wrong
from safelight.apps.start import lacking_keys
from safelight.apps.wiring import keyring_path

AFTERWARDS = "every token and signed URL that was handed out ends then; public URLs go on"

IF_THERE_WERE_SOME = "Where there are images already, put your own copy of the keyring there instead, with mode 600"


def keyring(visit: Visit) -> list[Finding]:
    """Read the file, where there is one; see that there is one where no start makes it."""
    path = keyring_path(visit.settings)
    if not path.exists():
        return _missing(visit)
    status = path.stat()
    mode = S_IMODE(status.st_mode)
    if status.st_uid == os.geteuid() and mode & NOT_THE_OWNER:
        return wrong(
            "keyring",
            f"other users of this machine may read the signing keys (mode {mode:o})",
            f"chmod 600 {path}; where somebody may have read them, safelight signing-keys rotate as well, and retire "
            f"the older ones: {AFTERWARDS}",
        )
    try:
        keys = read_keyring(path)
    except KeyringInvalid as error:
        return wrong(
            "keyring",
            str(error),
            f"Put your own copy in its place, with mode 600; or move it away, and {_new_one(visit)}: {AFTERWARDS}",
        )
    return fine("keyring", f"{len(keys.keys)} signing key{'s' if len(keys.keys) > 1 else ''}; {keys.signing} signs")


async def lost_keyring(visit: Visit, connection: AsyncConnection) -> list[Finding]:
    """See that there is a keyring where there are images."""
    path = keyring_path(visit.settings)
    if path.exists() or _is_made_by_hand(visit):  # told already
        return []
    if not (await connection.execute(select(exists().select_from(image)))).scalar():
        return fine("keyring", "made at the first start")
    return wrong(
        "keyring",
        f"there are images, and {path} is missing",
        f"Put your own copy there, with mode 600; without one the next start makes a new one: {AFTERWARDS}",
    )


def _missing(visit: Visit) -> list[Finding]:
    """Say that there is no file, where a process would not start without it."""
    if not _is_made_by_hand(visit):
        return []
    return [
        Finding("keyring", Level.WRONG, lack.seen, f"{lack.cure}. {IF_THERE_WERE_SOME}")
        for lack in lacking_keys(visit.settings)
    ]


def _new_one(visit: Visit) -> str:
    if _is_made_by_hand(visit):
        return f"make a new one, safelight signing-keys create {keyring_path(visit.settings)}"
    return "the next start makes a new one"


def _is_made_by_hand(visit: Visit) -> bool:
    """Whether no start makes the keyring: hosts share one that was made before."""
    return visit.settings.keyring is not None or visit.is_shared
