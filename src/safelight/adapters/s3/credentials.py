"""The keys that requests are signed with, found and renewed as every AWS tool does, and never in the event loop's way.

botocore looks in the environment, in the shared files, and asks for the role of a pod or a machine.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.exceptions import BotoCoreError
from botocore.session import Session

from safelight.domain.errors import StorageFailed

log = structlog.get_logger(__name__)

SEEN_AFTER_EVERY = timedelta(minutes=1)
"""botocore renews what ends within 15 minutes, and fails only in the last 10: there is time for a few tries."""

NOT_FOUND = "there are no credentials for the bucket"
SHARED_FILES = "See AWS's shared files (AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE): a profile must be there whole"
WHERE_TO_SET = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role that may use it"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """One pair of keys, named as botocore's signers want them. A `token` comes with those that end."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class S3Credentials:
    """The keys that are good now."""

    def __init__(self, key: AccessKey, *, renewed: bool = False) -> None:
        self._key = key
        self.renewed = renewed
        """Whether there will be others."""

    def current(self) -> AccessKey:
        """Return them, without waiting for anything."""
        return self._key

    def renew(self, key: AccessKey) -> None:
        """Sign with these from now on."""
        self._key = key


@asynccontextmanager
async def open_credentials(aws_profile: str | None = None) -> AsyncIterator[S3Credentials]:
    """Find credentials, and keep them fresh until the end of the block. Raises StorageFailed where there are none.

    With `aws_profile` they are those of that name in the shared files, whatever else there is.

    A URL that was signed with a key that ends is good no longer than that: 10 minutes at least.
    """
    source = await asyncio.to_thread(_find, aws_profile)
    credentials = S3Credentials(await asyncio.to_thread(_read, source), renewed=_ends(source))
    if not credentials.renewed:
        yield credentials
        return
    renewing = asyncio.create_task(_keep_fresh(credentials, source))
    try:
        yield credentials
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing


async def _keep_fresh(credentials: S3Credentials, source: Credentials) -> None:
    while True:
        await asyncio.sleep(SEEN_AFTER_EVERY.total_seconds())
        try:
            credentials.renew(await asyncio.to_thread(_read, source))
        except StorageFailed as failed:
            log.warning("credentials_not_renewed", reason=failed.reason)


def _find(aws_profile: str | None) -> Credentials:
    """Return where keys come from. Blocks, and may ask the network."""
    try:
        found = Session(profile=aws_profile).get_credentials()
    except BotoCoreError as error:
        raise StorageFailed(f"no credentials can be read: {error}", SHARED_FILES) from error
    if found is None:
        raise StorageFailed(NOT_FOUND, SHARED_FILES if aws_profile else WHERE_TO_SET)
    return found


def _read(source: Credentials) -> AccessKey:
    """Return the keys that are good now, after renewing them where they end soon. Blocks, and may ask the network."""
    try:
        frozen = source.get_frozen_credentials()
    except (BotoCoreError, OSError, RuntimeError) as error:
        raise StorageFailed(f"the credentials cannot be renewed: {type(error).__name__}") from error
    return AccessKey(frozen.access_key, frozen.secret_key, frozen.token)


def _ends(source: Credentials) -> bool:
    return isinstance(source, RefreshableCredentials)
