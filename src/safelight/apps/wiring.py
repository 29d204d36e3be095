"""Joins the journey to its adapters."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from safelight.adapters.audit import BufferedAudit
from safelight.adapters.disk.object_store import DiskObjectStore
from safelight.adapters.keyring import KeyringFile
from safelight.adapters.metrics import PrometheusMetrics
from safelight.adapters.rates import MemoryRates
from safelight.adapters.records.store import SqlRecords
from safelight.adapters.seal import KeyringSeal
from safelight.adapters.system import SystemClock, SystemIds
from safelight.apps.addresses import Addresses
from safelight.apps.database import open_database
from safelight.apps.storage import open_storage
from safelight.apps.unknown_keys import UnknownKeys
from safelight.domain.kind import Kinds
from safelight.domain.tokens import Keyring, Tokens
from safelight.domain.urls import Links
from safelight.ports.clock import Clock
from safelight.ports.jobs import Jobs
from safelight.ports.object_store import ObjectStore, Signer
from safelight.ports.signals import Signals
from safelight.settings import Settings

KEYRING_FILE = "keyring.json"

LAST_DEEDS = timedelta(seconds=5)
"""Time to hand back and to write what is left, after the grace of what is under way."""


@dataclass(frozen=True, slots=True)
class World:
    """Every adapter of one process. `disk` is the store where it is a folder, and None where it is a bucket.

    `alone`: no other process has these records, so that whatever is under way in them at the start was left so.
    """

    settings: Settings
    kinds: Kinds
    alone: bool
    records: SqlRecords
    objects: ObjectStore
    disk: DiskObjectStore | None
    signer: Signer
    jobs: Jobs
    signals: Signals
    tokens: Tokens
    seal: KeyringSeal
    audit: BufferedAudit
    links: Links
    clock: SystemClock
    ids: SystemIds
    metrics: PrometheusMetrics
    limiter: MemoryRates
    cut_off: Callable[[], None]

    def end_within(self, grace: timedelta) -> None:
        """Wait for a silent database no longer than so, and a little more for the last deeds."""
        asyncio.get_running_loop().call_later((grace + LAST_DEEDS).total_seconds(), self.cut_off)


def lazy_variants(kinds: Kinds) -> Mapping[str, Sequence[str]]:
    """Return the names of each kind's lazy variants."""
    return {name: [*(kind.variants.keys() - kind.eager.keys())] for name, kind in kinds.items()}


def keyring_path(settings: Settings) -> Path:
    """Return the file of the signing keys."""
    return settings.keyring or settings.data / KEYRING_FILE


def open_keyring(settings: Settings, clock: Clock) -> KeyringFile:
    """Open the file of the signing keys; the one in the data folder is made where it is missing.

    Raises KeyringInvalid, OSError.
    """
    return KeyringFile(keyring_path(settings), clock, create=settings.keyring is None)


def without_keys() -> Keyring:
    """Stand in for the keyring of a part that signs nothing, and so need not have the keys."""
    raise RuntimeError("this process was started without signing keys")


@asynccontextmanager
async def opened(
    settings: Settings, kinds: Kinds, addresses: Addresses, *, keyring: Callable[[], Keyring] | None = None
) -> AsyncIterator[World]:
    """Open everything that the settings name, which `migrate` has prepared; close it at the end of the block.

    `keyring` is asked for the signing keys; by default they are read from their file.
    """
    metrics, clock = PrometheusMetrics(), SystemClock()
    current = keyring or open_keyring(settings, clock).current
    tokens = Tokens(current, unknown=UnknownKeys(clock))
    audit = BufferedAudit(dropped=metrics.audit_dropped)
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(open_storage(settings, tokens, addresses, metrics=metrics))
        database = await stack.enter_async_context(open_database(settings, clock=clock, metrics=metrics))
        await stack.enter_async_context(audit.writing(database.records, every=settings.audit_flush_every))
        yield World(
            settings=settings,
            kinds=kinds,
            alone=settings.database_url is None,
            records=database.records,
            objects=storage.objects,
            disk=storage.disk,
            signer=storage.signer,
            jobs=database.jobs,
            signals=database.signals,
            tokens=tokens,
            seal=KeyringSeal(current),
            audit=audit,
            links=Links(addresses.api, storage.signer.public_url, lazy_variants(kinds)),
            clock=clock,
            ids=SystemIds(),
            metrics=metrics,
            limiter=MemoryRates(refused=metrics.refused),
            cut_off=database.cut_off,
        )
