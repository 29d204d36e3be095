"""The forms that settings take: how text from an environment becomes a value."""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from safelight.adapters.s3.address import S3Address
from safelight.domain.errors import KindInvalid
from safelight.domain.kind import BYTE_UNITS, parse_quantity


def _address(url: str) -> str:
    """Return it without a slash at its end. Raises ValueError."""
    if not url.startswith(("http://", "https://")):
        raise ValueError("must begin with https:// or http://")
    return url.rstrip("/")


ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[1-9][0-9]{0,4})?")
"""What browsers send as `Origin` (RFC 6454, 6.2)."""

DATABASE_SCHEMES = ("postgresql://", "postgres://", "postgresql+asyncpg://")


def _seconds(value: object) -> object:
    """Take a number of seconds as text, as an environment gives it."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value  # pydantic's other forms, such as PT15M


def _some(time: timedelta) -> timedelta:
    """See that it is some time at all. Raises ValueError."""
    if time <= timedelta(0):
        raise ValueError("must be more than 0 seconds")
    return time


def _short(time: timedelta) -> timedelta:
    """See that it is no time, or little. Raises ValueError."""
    if not timedelta(0) <= time <= timedelta(minutes=5):
        raise ValueError("must be from 0 to 300 seconds")
    return time


def processors() -> int:
    """Return how many processors there are."""
    return os.cpu_count() or 1


def _bytes(value: object) -> object:
    """Take "20MB" and the like, as kinds do, besides a number."""
    if not isinstance(value, str) or value.strip().isdigit():
        return value
    try:
        return parse_quantity(value, BYTE_UNITS)
    except KindInvalid as error:
        raise ValueError(error.reason) from None


def _origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    """See that browsers can send them: they compare letter by letter. Raises ValueError."""
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise ValueError(
                f"{origin!r} is no origin: https://host or https://host:port, in lower case, without a slash at the "
                "end; several have spaces between them"
            )
    return origins


def _words(value: object) -> object:
    """Take words separated by spaces, as an environment gives them."""
    return value.split() if isinstance(value, str) else value


def _postgres(url: SecretStr) -> SecretStr:
    """See that it is a Postgres URL with a database's name, and return it as asyncpg reads it, which names no driver.

    Raises ValueError, which does not repeat it.
    """
    secret = url.get_secret_value()
    if not _is_postgres(secret):
        raise ValueError(
            "must have the form postgresql://user:password@host:5432/database; in the password, % is written %25, "
            "/ %2F, # %23, ? %3F and @ %40"
        )
    return SecretStr(secret.replace("+asyncpg://", "://", 1))


def _is_postgres(url: str) -> bool:
    """Return whether it is one that all drivers read alike: a slash in a password ends the host for one of them."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is none
    except ValueError:
        return False
    return url.startswith(DATABASE_SCHEMES) and parts.path.strip("/") != "" and "@" not in parts.path


def _bucket(url: str) -> str:
    """See that it names a bucket. Raises ValueError, which says what to write."""
    S3Address.parse(url)
    return url


def _store(where: str) -> str:
    """See that it is a bucket's URL or the path of a folder that is there. Raises ValueError."""
    if "://" in where:
        return _bucket(where)
    if not Path(where).is_dir():
        raise ValueError("must be the URL of a bucket, s3://bucket?..., or the path of a data folder that is there")
    return where


Url = Annotated[str, AfterValidator(_address)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_postgres)]
StorageUrl = Annotated[str, AfterValidator(_bucket)]
StorePlace = Annotated[str, AfterValidator(_store)]
Seconds = Annotated[timedelta, BeforeValidator(_seconds), AfterValidator(_some)]
FewSeconds = Annotated[timedelta, BeforeValidator(_seconds), AfterValidator(_short)]
Bytes = Annotated[int, BeforeValidator(_bytes)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words), AfterValidator(_origins)]
