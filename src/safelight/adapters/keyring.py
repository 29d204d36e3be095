"""The signing keys, in a file: made at the first start, read again whenever it changes.

    {"signing": "5f0c...", "keys": {"5f0c...": "<base64 of 32 random bytes or more>"}}

`signing` names the key that signs; all keys verify. To rotate, add a key and sign with it; remove the old one when its
tokens may end.
"""

import base64
import binascii
import json
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE
from typing import Any

import structlog

from safelight.domain.tokens import Keyring

log = structlog.get_logger(__name__)

KEY_BYTES = 32
"""As long as the output of SHA-256, below which HMAC loses strength (RFC 2104, section 3)."""

PRIVATE = 0o600
NOT_THE_OWNER = 0o077
KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
"""Key ids stand in tokens, between dots."""

Stamp = tuple[int, int, int]
"""What changes when a file is written or replaced."""


class KeyringInvalid(Exception):
    """A keyring file that cannot serve. Its text names the file and what is wrong, and no key."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"The keyring file {path} cannot serve: {reason}.")


class KeyringFile:
    """A keyring file; `current` is what Tokens asks. Raises KeyringInvalid when made from a file that cannot serve."""

    def __init__(self, path: Path) -> None:
        self._path = path
        _create_if_missing(path)
        self._stamp = _stamp(path)
        self._keyring = read_keyring(path)

    def current(self) -> Keyring:
        """Return the keyring, read again if the file has changed. A change that cannot serve is logged and left out."""
        with suppress(OSError):  # moved away for a moment: an editor's way to save
            if (stamp := _stamp(self._path)) != self._stamp:
                self._stamp = stamp
                self._read_again()
        return self._keyring

    def _read_again(self) -> None:
        try:
            self._keyring = read_keyring(self._path)
        except KeyringInvalid as error:
            log.error("keyring_refused", reason=str(error))  # noqa: TRY400 - a traceback could hold keys
        else:
            log.info("keyring_read", signing=self._keyring.signing, keys=len(self._keyring.keys))


def read_keyring(path: Path) -> Keyring:
    """Return what the file holds. Raises KeyringInvalid."""
    try:
        with path.open("rb") as file:
            mode = S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read()
    except OSError as error:
        raise KeyringInvalid(path, f"it cannot be read ({error.strerror})") from None
    if mode & NOT_THE_OWNER:
        raise KeyringInvalid(path, f"others may read it (mode {mode:o}); run: chmod 600 {path}")
    try:
        return _parse(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        raise KeyringInvalid(path, "it is not of the form that the documentation shows") from None


def _parse(content: Any) -> Keyring:
    """Return the keyring. Raises ValueError, or what comes of a wrong shape."""
    keys = {key_id: base64.b64decode(key, validate=True) for key_id, key in content["keys"].items()}
    if content["signing"] not in keys:
        raise ValueError("the signing key is not among the keys")
    if not all(KEY_ID.fullmatch(key_id) and len(key) >= KEY_BYTES for key_id, key in keys.items()):
        raise ValueError("a key is too short, or its id has other characters than letters, digits, - and _")
    return Keyring(keys, content["signing"])


def _create_if_missing(path: Path) -> None:
    """Make a keyring of one random key, whole or not at all. Of several processes, one wins."""
    if path.exists():
        return
    key_id = secrets.token_hex(4)
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    unfinished = path.with_name(f"{path.name}.{key_id}")
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        with os.fdopen(file, "w") as out:
            json.dump({"signing": key_id, "keys": {key_id: key}}, out, indent=2)
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):
            os.link(unfinished, path)
    finally:
        unfinished.unlink()
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """See that the folder's entries survive a loss of power."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _stamp(path: Path) -> Stamp:
    seen = path.stat()
    return seen.st_mtime_ns, seen.st_ino, seen.st_mode
