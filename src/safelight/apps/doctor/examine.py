"""The whole examination, in order: what is looked at, and what can only be looked at when the rest is well."""

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.queue.memory import MemoryQueue
from safelight.adapters.records.engine import SqliteDatabase
from safelight.adapters.records.outbox import after_commit
from safelight.adapters.records.store import Database, SqlRecords
from safelight.apps.database import DATABASE_FILE
from safelight.apps.doctor import (
    database,
    folder,
    keyring,
    kinds,
    machine,
    names,
    network,
    objects,
    owners,
    postgres,
    records,
    sandbox,
    scanner,
    sharing,
    webhook,
)
from safelight.apps.doctor.finding import Finding, Level, Visit, fine, ignore, wrong
from safelight.apps.kinds import load_kinds, remembered_kinds
from safelight.apps.lock import is_locked
from safelight.domain.errors import KindInvalid
from safelight.domain.kind import Kinds
from safelight.ports.clock import Clock
from safelight.settings import Settings

Check = Callable[..., list[Finding] | Awaitable[list[Finding]]]

OF_THE_FOLDER: Sequence[Check] = (folder.owner, folder.private_folder, folder.free_space, folder.clock, keyring.keyring)
OF_THE_RECORDS: Sequence[Check] = (
    keyring.lost_keyring,
    records.api_keys,
    records.records_from_the_future,
    records.waiting_images,
    records.failed_images,
    records.undeclared_images,
    kinds.older_kinds,
    records.deliveries,
)
PIECE_BY_PIECE: Sequence[Check] = (owners.owners, objects.missing_objects)
"""Checks that may take long: no transaction is open all the while, for nothing is tidied up behind one."""

OF_POSTGRES: Sequence[Check] = (postgres.connections, postgres.clock, postgres.left_behind)
OF_ALL_ELSE: Sequence[Check] = (
    names.setting_names,
    sharing.sharing,
    kinds.kinds_file,
    network.listening_address,
    network.port,
    network.public_url,
    network.delivery_url,
    webhook.webhook,
    webhook.rules,
    machine.descriptors,
    machine.memory_files,
    machine.temporary_folder,
    sandbox.sandbox_round_trip,
    scanner.scanners,
)


async def examine(
    settings: Settings, *, clock: Clock, whole: bool = False, tell: Callable[[str], None] = ignore
) -> AsyncGenerator[Finding]:
    """Yield what each check finds, as soon as it has. Changes nothing; works beside a running server.

    What might take long is looked at in part, and its finding says so; or, `whole`, all of it, and `tell` hears of it.
    Whoever breaks off closes it, so that what it has opened is closed in turn.
    """
    on_postgres = settings.database_url is not None
    running = on_postgres or is_locked(settings.data)
    visit = Visit(settings, clock, running=running, kinds=_kinds(settings), whole=whole, tell=tell)
    if not on_postgres:
        yield fine("server", "running" if visit.running else "not running")[0]
    for finding in (of_bucket := await _run(objects.bucket, visit)):
        yield finding
    visit = replace(visit, bucket_answers=all(finding.level is Level.OK for finding in of_bucket))
    async with aclosing(_on_postgres(visit) if on_postgres else _data(visit)) as of_data:
        async for finding in of_data:
            yield finding
    for check in OF_ALL_ELSE:
        for finding in await _run(check, visit):
            yield finding


async def _data(visit: Visit) -> AsyncGenerator[Finding]:
    """Examine the data folder: its records only where the folder is well, and the database whole."""
    for check in (folder.data_folder, *OF_THE_FOLDER, database.database):
        found = await _run(check, visit)
        for finding in found:
            yield finding
        if check in {folder.data_folder, database.database} and found[0].level is not Level.OK:
            return
    opened = SqliteDatabase(visit.settings.data / DATABASE_FILE)
    try:
        async with aclosing(_records(visit, opened, OF_THE_RECORDS)) as of_records:
            async for finding in of_records:
                yield finding
    finally:
        await opened.close()


async def _on_postgres(visit: Visit) -> AsyncGenerator[Finding]:
    """Examine what several hosts share; of the folder only what is in use."""
    of_folder = OF_THE_FOLDER if visit.settings.storage_url is None and visit.settings.data.is_dir() else ()
    for check in (*of_folder, *(() if of_folder else (keyring.keyring,)), postgres.database):
        found = await _run(check, visit)
        for finding in found:
            yield finding
    if found[0].level is Level.OK:
        async with (
            postgres.opened(visit) as opened,
            aclosing(_records(visit, opened, (*OF_POSTGRES, *OF_THE_RECORDS))) as of_records,
        ):
            async for finding in of_records:
                yield finding


async def _records(visit: Visit, database: Database, checks: Sequence[Check]) -> AsyncGenerator[Finding]:
    for check in checks:
        async with database.reading() as connection:
            found = await _run(check, visit, connection)
        for finding in found:
            yield finding
    for check in PIECE_BY_PIECE:
        for finding in await _run(check, visit, database):
            yield finding
    outbox = after_commit(MemoryQueue(visit.clock))
    for finding in await _run(objects.orphans, visit, SqlRecords(database, outbox=outbox)):
        yield finding


async def _run(check: Check, visit: Visit, *reading: AsyncConnection | Database | SqlRecords) -> list[Finding]:
    """Return what a check finds. One that breaks is a finding itself: the doctor must not die of the disease."""
    try:
        found = check(visit, *reading)
        return await found if inspect.isawaitable(found) else found
    except Exception as error:  # noqa: BLE001 - whatever it is, whoever asked has to see it
        name = getattr(check, "__name__", "check").replace("_", " ")
        return wrong(name, f"cannot be examined: {type(error).__name__}: {error}", "Mend what is wrong above, first")


def _kinds(settings: Settings) -> Kinds | KindInvalid:
    try:
        return load_kinds(settings.kinds or remembered_kinds(settings.data))
    except KindInvalid as error:
        return error
