"""The signing keys, in a file: made at the first start, read again whenever it changes.

    {"signing": "5f0c...", "keys": {"5f0c...": "<base64 of 32 random bytes or more>"}, "created_at": {"5f0c...": "..."}}

`signing` names the key that signs; all keys verify. `created_at` may be missing, or say nothing of a key.
`safelight signing-keys` changes the file.
"""

import base64
import binascii
import errno
import fcntl
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from stat import S_IMODE
from typing import Any

import structlog

from safelight.domain.tokens import Keyring
from safelight.ports.clock import Clock

log = structlog.get_logger(__name__)

KEY_BYTES = 32
"""As long as the output of SHA-256, below which HMAC loses strength (RFC 2104, section 3)."""

PRIVATE = 0o600
NOT_THE_OWNER = 0o077
NOT_THE_READERS = 0o037
"""For a file that somebody else has given us, such as a mounted secret: root owns it, and our group may read it."""
KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
"""Key ids stand in tokens, between dots."""

Stamp = tuple[int, int, int]
"""What changes when a file is written or replaced."""


class KeyringInvalid(Exception):
    """A keyring file that cannot serve. Its text names the file and what is wrong, and no key."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"The keyring file {path} cannot serve: {reason}.")


class KeyringFile:
    """A keyring file; `current` is what Tokens asks. Raises KeyringInvalid when made from a file that cannot serve.

    With `create` one is made where there is none; otherwise it is another host's to make.
    """

    def __init__(self, path: Path, clock: Clock, *, create: bool = True) -> None:
        self._path = path
        if create:
            with suppress(FileExistsError):
                create_keyring(path, clock)
        self._keyring = read_keyring(path)
        self._stamp = _stamp(path)

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
            seen = os.fstat(file.fileno())
            content = file.read()
    except OSError as error:
        raise KeyringInvalid(
            path, f"it cannot be read ({error.strerror}); let SAFELIGHT_KEYRING name a file that this user can read"
        ) from None
    mode = S_IMODE(seen.st_mode)
    if mode & (NOT_THE_OWNER if seen.st_uid == os.geteuid() else NOT_THE_READERS):
        raise KeyringInvalid(path, f"others may read it (mode {mode:o}); run: chmod 600 {path}")
    try:
        return _parse(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        raise KeyringInvalid(
            path, "no signing keys are to be found in it; take it from another host or from a backup"
        ) from None


def change_keyring(path: Path, change: Callable[[Keyring], Keyring]) -> None:
    """Replace what the file holds by what `change` makes of it: whole or not at all, one change after the other.

    Raises KeyringInvalid, OSError, and what `change` raises.
    """
    with _opened(path.parent) as folder:
        fcntl.flock(folder, fcntl.LOCK_EX)  # the file itself is replaced, and no lock would outlive that
        with _written_beside(path, change(read_keyring(path))) as unfinished:
            unfinished.replace(path)
        os.fsync(folder)


def new_key() -> tuple[str, bytes]:
    """Return a random key, and an id for it."""
    return secrets.token_hex(4), secrets.token_bytes(KEY_BYTES)


def _parse(content: Any) -> Keyring:
    """Return the keyring. Raises ValueError, or what comes of a wrong shape."""
    keys = {key_id: base64.b64decode(key, validate=True) for key_id, key in content["keys"].items()}
    if content["signing"] not in keys:
        raise ValueError("the signing key is not among the keys")
    if not all(KEY_ID.fullmatch(key_id) and len(key) >= KEY_BYTES for key_id, key in keys.items()):
        raise ValueError("a key is too short, or its id has other characters than letters, digits, - and _")
    created_at = {key_id: datetime.fromisoformat(at) for key_id, at in content.get("created_at", {}).items()}
    return Keyring(keys, content["signing"], created_at)


def _text(keyring: Keyring) -> str:
    content = {
        "signing": keyring.signing,
        "keys": {key_id: base64.b64encode(key).decode() for key_id, key in keyring.keys.items()},
        "created_at": {key_id: at.isoformat(timespec="seconds") for key_id, at in keyring.created_at.items()},
    }
    return json.dumps(content, indent=2) + "\n"


def create_keyring(path: Path, clock: Clock) -> str:
    """Make a keyring of one random key, whole or not at all, and return its id. Of several processes, one wins.

    Raises FileExistsError where there is a file already, which stays as it is, and OSError.
    """
    if path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    key_id, key = new_key()
    first = Keyring({key_id: key}, key_id, {key_id: clock.now()})
    with _written_beside(path, first) as unfinished:
        os.link(unfinished, path)
    with _opened(path.parent) as folder:
        os.fsync(folder)
    return key_id


@contextmanager
def _written_beside(path: Path, keyring: Keyring) -> Iterator[Path]:
    """Write a file in the same folder, for nobody but its owner; it is gone after the block, or has been renamed."""
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        with os.fdopen(file, "w") as out:
            out.write(_text(keyring))
            out.flush()
            os.fsync(out.fileno())
        yield unfinished
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """Open a folder: to lock it, or to see that its entries survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _stamp(path: Path) -> Stamp:
    seen = path.stat()
    return seen.st_mtime_ns, seen.st_ino, seen.st_mode
