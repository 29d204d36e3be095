"""From the cost of one image to a month of them: hosts, Postgres, S3, money, and what breaks first.

Pure functions: what was measured goes in, with what is assumed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sizing.assumptions import SECONDS_A_MONTH, Limits, Load, Prices, Upkeep
from sizing.costs import Costs

GB, MB = 1e9, 1e6
HOURS_A_MONTH = SECONDS_A_MONTH / 3600
MS = 1e-3
MS_A_SECOND = 1000
LISTED_AT_ONCE = 1000
"""Keys in one answer to LIST."""

LARGE_FROM_GB = 500_000
"""From here on S3 costs its lowest price; what is below is counted at the first."""

WRITES = ("PUT", "COPY", "LIST")
READS = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Assumed:
    """All that is assumed."""

    prices: Prices
    limits: Limits
    load: Load
    upkeep: Upkeep


@dataclass(frozen=True, slots=True)
class Money:
    """US dollars a month, in the last of the months."""

    hosts: float
    database: float
    requests: float
    sweeps: float
    storage: float

    @property
    def total(self) -> float:
        """All of it; what leaves the cloud is not in it."""
        return self.hosts + self.database + self.requests + self.sweeps + self.storage


@dataclass(frozen=True, slots=True)
class End:
    """Where something ends. `used` of it at this size, of `most`; it grows with the images of a month."""

    name: str
    used: float
    most: float
    unit: str

    @property
    def share(self) -> float:
        """How much of it is used."""
        return self.used / self.most

    def reached_at(self, images: float) -> float:
        """Return at how many images a month it is reached, where this size has so many."""
        return math.inf if not self.used else images / self.share


@dataclass(frozen=True, slots=True)
class Projection:
    """A month of so many images, after `months` of them."""

    images: float
    per_second: float
    peak_per_second: float
    api_cores: float
    worker_cores: float
    database_cores: float
    api_hosts: int
    worker_hosts: int
    commits_per_second: float
    statements_per_second: float
    wal_mb_s: float
    rows_gb: float
    s3_writes: float
    s3_reads: float
    stored_gb: float
    stored_objects: float
    sweep_lists: float
    money: Money
    ends: Sequence[End]

    @property
    def bottleneck(self) -> End:
        """What is nearest to its end, or furthest past it."""
        return max(self.ends, key=lambda end: end.share)


def project(costs: Costs, images: float, assumed: Assumed) -> Projection:
    """Return what so many images a month need."""
    load, prices = assumed.load, assumed.prices
    peak = images / SECONDS_A_MONTH * load.peak

    def at_peak(*what: str) -> float:
        return peak * sum(costs.total(one, load.shows) for one in what)

    def cores(*what: str) -> float:
        return at_peak(*what) * MS / load.busy

    stock = images * load.months
    stored_gb, objects = stock * costs.stored.bytes / GB, stock * costs.stored.objects
    rows_gb = stock * sum(table.bytes for table in costs.with_shows(load.shows)) / GB
    lists = lists_a_sweep(costs, images, assumed) * SECONDS_A_MONTH / assumed.upkeep.sweep_every
    writes, reads = images * costs.requests(*WRITES), images * costs.requests(*READS)
    api_cores, worker_cores, database_cores = cores("api_ms"), cores("worker_ms", "sandbox_ms"), cores("postgres_ms")
    api_hosts, worker_hosts = hosts(api_cores, load.host_vcpus), hosts(worker_cores, load.host_vcpus)
    vcpus = (api_hosts + worker_hosts) * load.host_vcpus
    return Projection(
        images=images,
        per_second=images / SECONDS_A_MONTH,
        peak_per_second=peak,
        api_cores=api_cores,
        worker_cores=worker_cores,
        database_cores=database_cores,
        api_hosts=api_hosts,
        worker_hosts=worker_hosts,
        commits_per_second=at_peak("commits"),
        statements_per_second=at_peak("statements"),
        wal_mb_s=at_peak("wal_bytes") / MB,
        rows_gb=rows_gb,
        s3_writes=writes,
        s3_reads=reads,
        stored_gb=stored_gb,
        stored_objects=objects,
        sweep_lists=lists,
        money=Money(
            hosts=vcpus * prices.vcpu_hour * HOURS_A_MONTH,
            database=math.ceil(database_cores) * prices.database_vcpu_hour * HOURS_A_MONTH
            + rows_gb * prices.database_gb_month,
            requests=(writes * prices.write_1000 + reads * prices.read_1000) / 1000,
            sweeps=lists * prices.write_1000 / 1000,
            storage=storage_price(stored_gb, prices),
        ),
        ends=ends(costs, images, assumed),
    )


def hosts(cores: float, host_vcpus: int) -> int:
    """Return how many hosts these cores are: two at the least, so that one may be lost."""
    return max(2, math.ceil(cores / host_vcpus))


def lists_a_sweep(costs: Costs, images: float, assumed: Assumed) -> float:
    """Return how many LIST requests one sweep sends: for what is new, and for its part of the rest."""
    upkeep = assumed.upkeep
    part = min(1.0, upkeep.sweep_every / upkeep.sweep_whole_every)
    new = images / HOURS_A_MONTH * upkeep.young_hours
    return (new + part * images * assumed.load.months) * costs.stored.objects / LISTED_AT_ONCE


def storage_price(gigabytes: float, prices: Prices) -> float:
    """Return what S3 takes for a month of so many gigabytes."""
    cheap = max(0.0, gigabytes - LARGE_FROM_GB)
    return (gigabytes - cheap) * prices.storage_gb_month + cheap * prices.storage_gb_month_large


def ends(costs: Costs, images: float, assumed: Assumed) -> list[End]:
    """Return how near everything is to its end: what is nearest, or furthest past it, first."""
    limits, load, upkeep = assumed.limits, assumed.load, assumed.upkeep
    average = images / SECONDS_A_MONTH
    peak, stock, shows = average * load.peak, images * load.months, load.shows
    largest = max(costs.with_shows(shows), key=lambda table: table.bytes)

    def cores(*what: str) -> float:
        return peak * sum(costs.total(one, shows) for one in what) * MS / load.busy

    processes = cores("api_ms") + cores("worker_ms", "sandbox_ms") / load.host_vcpus  # one for each event loop
    listing_s = lists_a_sweep(costs, images, assumed) * limits.list_ms * MS
    found = [
        End("time for one sweep of the bucket", listing_s, upkeep.sweep_every, "s"),
        End("removing uploads after their time", average * limits.remove_ms * MS, upkeep.removals_at_once, "at once"),
        End(f"table `{largest.name}` in one piece", stock * largest.bytes / GB, limits.table_gb, "GB"),
        End("commits that NOTIFY", peak * costs.total("notices", shows), MS_A_SECOND / limits.flush_ms, "a second"),
        End("processors of Postgres", cores("postgres_ms"), limits.database_vcpus, "vCPU"),
        End("WAL", peak * costs.total("wal_bytes", shows) / MB, limits.wal_mb_s, "MB/s"),
        End("connections to Postgres", processes * costs.connections, limits.connections, "at once"),
        End("writes to the newest keys of the bucket", peak * costs.requests(*WRITES), limits.writes_s, "a second"),
    ]
    return sorted(found, key=lambda end: -end.share)
