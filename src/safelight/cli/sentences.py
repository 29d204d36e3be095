"""Turns what can go wrong into sentences that say what to do next."""

import errno
import re
import socket
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from safelight.adapters.keyring import KeyringInvalid
from safelight.adapters.records.carry import NotCarried
from safelight.apps.api_keys import KeyInvalid
from safelight.apps.backup import ArchiveNameInvalid, NotInTheFolder
from safelight.apps.backup_check import BackupDamaged
from safelight.apps.data_folder import DataNotReady
from safelight.apps.declared import KindsOlder
from safelight.apps.kinds import KindsForgotten, KindsUnnamed
from safelight.apps.lock import DataInUse
from safelight.apps.signing_keys import SigningKeyRefused
from safelight.apps.start import CannotStart
from safelight.apps.webhooks import WebhookInvalid
from safelight.domain.errors import SafelightError, StorageFailed
from safelight.settings import Settings
from safelight.settings.names import names

REFUSALS = (
    ArchiveNameInvalid,
    BackupDamaged,
    CannotStart,
    DataInUse,
    DataNotReady,
    KeyInvalid,
    KeyringInvalid,
    KindsForgotten,
    KindsOlder,
    KindsUnnamed,
    NotCarried,
    NotInTheFolder,
    SafelightError,
    SigningKeyRefused,
    WebhookInvalid,
)
"""Why a command may not be able to begin; the text of each says what to do."""

OF_A_VALUE: Mapping[str, str] = {
    "bool_parsing": "must be true or false",
    "int_parsing": "must be a whole number",
    "time_delta_parsing": "must be a number of seconds, such as 90",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} at most",
    "path_not_directory": "must be the path of a folder that is there",
}
"""What a value must be, by what pydantic calls the mistake; it speaks to programmers."""

OF_A_FOLDER: Mapping[int, str] = {
    errno.EEXIST: "it is a file, not a folder",
    errno.ENOTDIR: "a part of its path is a file, not a folder",
    errno.EROFS: "it is on a file system that cannot be written",
    errno.EACCES: "this user may not write there",
    errno.EPERM: "this user may not write there",
    errno.ENOENT: "a part of its path does not exist",
    errno.ENOSPC: "its disk is full",
}
"""What is wrong with a data folder, by what the operating system says."""


def sentence(error: Exception, using: Settings | None, port: int | None) -> str | None:
    """Return what to tell of an error; None where a person can do nothing about it.

    `port` is the one that the command listens on, None where it does not listen.
    """
    if isinstance(error, StorageFailed) and using is not None:
        where = f" --data {using.data}" if using.database_url is None else ""
        return f"{error} What is wrong with it says: safelight doctor{where}"
    if isinstance(error, REFUSALS):
        return str(error)
    if isinstance(error, OSError):
        return _of_network(error, using, port) or _of_data(error, using) or _of_file(error)
    return None


SECRET_IN_URL = re.compile("://.*[@?]")
"""Where a URL may hold credentials, though none should."""


def of_settings(error: ValidationError) -> list[str]:
    """Return a line for every bad setting. Secrets are not repeated."""
    return [_of_setting(str(bad["loc"][0]), bad["input"], _why(bad)) for bad in error.errors()]


def _of_setting(name: str, given: object, why: str) -> str:
    is_secret = "SecretStr" in str(Settings.model_fields[name].annotation) or SECRET_IN_URL.search(str(given))
    shown = "" if is_secret or given is None else f" = {str(given)!r}"
    return f"{names()[name]}{shown}: {why}"


def _why(bad: ErrorDetails) -> str:
    """Return what a value must be."""
    must = OF_A_VALUE.get(bad["type"])
    return must.format(**bad.get("ctx", {})) if must else bad["msg"].removeprefix("Value error, ")


def _of_network(error: OSError, using: Settings | None, port: int | None) -> str | None:
    """Return what to tell where it could not be listened."""
    if using is None or port is None or error.filename is not None:
        return None
    other = "Choose another: --host, or SAFELIGHT_HOST"
    if isinstance(error, socket.gaierror):
        return f"There is no address {using.host} ({error.strerror}). {other}"
    return {
        errno.EADDRINUSE: f"Port {port} of {using.host} is taken by another program. "
        "Choose another: --port; 0 takes a free one",
        errno.EADDRNOTAVAIL: f"{using.host} is no address of this machine. {other}",
        errno.EACCES: f"This user may not listen on port {port}. Choose one from 1024 on: --port",
    }.get(error.errno or 0)


def _of_data(error: OSError, using: Settings | None) -> str | None:
    """Return what to tell where the error is about the data folder or something in it."""
    if using is None or not isinstance(error.filename, str | Path):
        return None
    about, folder = Path(error.filename).absolute(), using.data.absolute()
    if not about.is_relative_to(folder) and not folder.is_relative_to(about):
        return None
    why = OF_A_FOLDER.get(error.errno or 0, error.strerror)
    where = "" if about == folder else f" ({error.filename})"
    return (
        f"The data folder {using.data} cannot be used: {why}{where}. Mend it, or choose another: --data, or "
        f"SAFELIGHT_DATA. More says: safelight doctor --data {using.data}"
    )


def _of_file(error: OSError) -> str:
    """Return what to tell of any other file."""
    what = error.strerror or str(error)
    return f"{error.filename}: {what}. Mend that, and try again" if error.filename else f"{what}. See: safelight doctor"
