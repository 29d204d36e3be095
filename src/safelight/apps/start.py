"""What must be right before a process starts: everything that is in the way is told at once, not one by one."""

from collections.abc import AsyncIterator, Iterator
from enum import StrEnum

from safelight.adapters.keyring import KeyringInvalid, read_keyring
from safelight.adapters.metrics import PrometheusMetrics
from safelight.adapters.records.carry import is_left_behind
from safelight.adapters.records.migrate_postgres import pending_postgres_migrations
from safelight.adapters.system import SystemClock, SystemIds
from safelight.apps.addresses import Addresses
from safelight.apps.api_keys import KeyInvalid, parsed_key
from safelight.apps.data_folder import records_elsewhere, records_left_behind
from safelight.apps.database import DATABASE_FILE
from safelight.apps.kinds import NO_KINDS, KindsForgotten, kinds_for, load_kinds
from safelight.apps.lack import Lack
from safelight.apps.storage import disk_folder, open_storage
from safelight.apps.webhooks import WebhookInvalid, questions, webhooks
from safelight.apps.wiring import keyring_path, without_keys
from safelight.domain.errors import KindInvalid, StorageFailed
from safelight.domain.kind import Kinds
from safelight.domain.tokens import Tokens
from safelight.http.readiness import store_answers
from safelight.settings import Settings


class Part(StrEnum):
    """What a process is: all in one, or one of the parts."""

    UP = "up"
    API = "api"
    WORKER = "worker"
    UPLOADS = "uploads"


class CannotStart(Exception):
    """A process cannot start with these settings. `reasons` has a sentence for everything that is in the way."""

    def __init__(self, part: Part, reasons: list[str]) -> None:
        self.reasons = reasons
        super().__init__("\n  ".join([f"safelight {part} cannot start:", *reasons]))


async def see_that_it_can_start(settings: Settings, part: Part) -> Kinds:
    """Return the kinds that are served. Raises CannotStart."""
    reasons, kinds = [*_of_settings(settings, part), *_of_keys(settings, part)], Kinds(())
    try:
        kinds = kinds_for(settings.data, settings.kinds) if part is Part.UP else load_kinds(settings.kinds)
    except KindInvalid as error:
        reasons.append(f"SAFELIGHT_KINDS: {error.reason}")
    except KindsForgotten as error:
        reasons.append(str(error))
    reasons += [reason async for reason in _of_webhooks(settings, kinds, part)]
    reasons += [reason async for reason in _of_servers(settings, part)]
    if reasons:
        raise CannotStart(part, reasons)
    return kinds


def _of_settings(settings: Settings, part: Part) -> Iterator[str]:
    if part is Part.UPLOADS and disk_folder(settings) is None:
        yield "SAFELIGHT_STORAGE_URL is set: clients send bytes to the bucket itself, and there is nothing to do"
    if settings.database_url is None and part is Part.UP and (elsewhere := records_elsewhere(settings.data)):
        yield str(elsewhere)
    if part in {Part.API, Part.WORKER}:
        yield from map(str, lacking_for_sharing(settings))
    if part is not Part.UP and settings.storage_url is None and not settings.data.is_dir():
        yield (
            f"SAFELIGHT_DATA: there is no folder {settings.data}, and one that was made here would be no other host's. "
            "Mount the one that all share; where it is to begin here, make it: "
            f"mkdir -p -m 700 {settings.data}"
        )


def lacking_for_sharing(settings: Settings) -> Iterator[Lack]:
    """Yield what several processes must agree on and nobody has said."""
    if settings.database_url is None:
        yield Lack(
            "SAFELIGHT_DATABASE_URL is not set, and processes of their own share their records only by Postgres: "
            "postgresql://user:password@host/name",
            "In one process SQLite will do: safelight up",
        )
    if settings.kinds is None:
        yield NO_KINDS
    if settings.public_url is None:
        yield Lack(
            "SAFELIGHT_PUBLIC_URL is not set",
            "Say where clients reach the API, the same for every process: https://images.example",
        )
    if settings.storage_url is None and settings.uploads_url is None:
        yield Lack(
            "SAFELIGHT_UPLOADS_URL is not set",
            "Say where clients reach `safelight uploads`, or set SAFELIGHT_STORAGE_URL to use a bucket",
        )


def lacking_keys(settings: Settings) -> Iterator[Lack]:
    """Yield that there are no signing keys, where there are none."""
    path = keyring_path(settings)
    if not path.exists():
        yield Lack(
            f"There are no signing keys at {path}",
            "Every API and upload process needs the same ones: make them once, "
            f"safelight signing-keys create {path}, and name the file in SAFELIGHT_KEYRING",
        )


def _of_keys(settings: Settings, part: Part) -> Iterator[str]:
    """See that there are signing keys where they are needed, and that the first API key is one."""
    path = keyring_path(settings)
    if part is Part.WORKER:  # it signs nothing
        return
    if path.exists():
        try:
            read_keyring(path)
        except KeyringInvalid as error:
            yield str(error)
    elif settings.keyring is not None or part is not Part.UP:
        yield from map(str, lacking_keys(settings))
    if settings.bootstrap_key is not None and part is not Part.UPLOADS:
        try:
            parsed_key(settings.bootstrap_key)
        except KeyInvalid as error:
            yield str(error)


async def _of_webhooks(settings: Settings, kinds: Kinds, part: Part) -> AsyncIterator[str]:
    """See that the application can be told and asked. Sends nothing."""
    if part is Part.UPLOADS:
        return
    for opening in (webhooks(settings), questions(settings, kinds, SystemClock(), SystemIds())):
        try:
            async with opening:
                pass
        except WebhookInvalid as error:
            yield str(error)


async def _of_servers(settings: Settings, part: Part) -> AsyncIterator[str]:
    if settings.database_url is not None and part is not Part.UPLOADS:
        url = settings.database_url.get_secret_value()
        try:
            lacking = await pending_postgres_migrations(url)
            if lacking and part is not Part.UP:  # which migrates by itself
                yield f"The database lacks the revisions {', '.join(lacking)}. First run, once: safelight migrate"
            if await is_left_behind(settings.data / DATABASE_FILE, url):
                yield str(records_left_behind(settings.data))
        except StorageFailed as error:
            yield f"SAFELIGHT_DATABASE_URL: {error}"
    if settings.storage_url is not None or (settings.storage_mirror is not None and part is not Part.UPLOADS):
        try:
            addresses = Addresses.of(settings, port=settings.port)
            async with open_storage(settings, Tokens(without_keys), addresses, metrics=PrometheusMetrics()) as storage:
                await store_answers(storage.objects, min_free_bytes=0)()
        except StorageFailed as error:
            yield f"{'SAFELIGHT_STORAGE_URL' if settings.storage_url else 'SAFELIGHT_STORAGE_MIRROR'}: {error}"
