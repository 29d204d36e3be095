"""What cannot be measured on one machine: prices, what the largest servers take, how a day is spread.

Prices are list prices of AWS, us-east-1, on demand, without any discount, as published in 2026; every one is an option
of the command. Look up your own before you believe a sum of money.
"""

from dataclasses import dataclass

from safelight.upkeep.sweep import REMOVED_AT_ONCE

SECONDS_A_MONTH = 730 * 3600
"""730 hours: what clouds bill as a month."""


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars."""

    vcpu_hour: float = 0.0425
    """EC2 c6i.large, 0.085 an hour for two (aws.amazon.com/ec2/pricing/on-demand)."""
    database_vcpu_hour: float = 0.125
    """RDS for PostgreSQL, db.r6g.2xlarge in one zone, about 1.00 an hour for eight (aws.amazon.com/rds/pricing)."""
    database_gb_month: float = 0.115
    """RDS gp3 storage in one zone (the same page). A standby doubles this and the line above."""
    storage_gb_month: float = 0.023
    """S3 Standard, the first 50 TB (aws.amazon.com/s3/pricing)."""
    storage_gb_month_large: float = 0.021
    """The same beyond 500 TB."""
    write_1000: float = 0.005
    """1,000 PUT, COPY, POST or LIST requests (the same page)."""
    read_1000: float = 0.0004
    """1,000 GET or HEAD requests (the same page). DELETE costs nothing."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where one of a thing ends, however much one pays."""

    database_vcpus: int = 96
    """db.r6i.24xlarge and its like: the largest common server for one Postgres."""
    flush_ms: float = 1.0
    """One WAL flush on network storage (EBS promises single-digit milliseconds for gp3, io2 less than one). A commit
    with NOTIFY holds one lock of the whole server until it is flushed, so that this is how long each takes."""
    wal_mb_s: float = 100.0
    """What a standby can be expected to replay with its one process, and an archive to ship."""
    table_gb: float = 1000.0
    """A table that vacuum still goes through within hours. (32 TB is where Postgres itself ends: its appendix K.)"""
    connections: int = 1000
    """Of one Postgres. RDS allows up to 5,000, but each costs memory, and each snapshot looks at all that write."""
    writes_s: float = 3500.0
    """PUT, COPY, POST and DELETE requests a second to one partition of a bucket ("Best practices design patterns" of
    the S3 user guide). Keys that begin with the time all go to the last one."""
    list_ms: float = 50.0
    """One LIST of 1,000 keys, one after the other."""
    remove_ms: float = 20.0
    """DELETE of one object."""


@dataclass(frozen=True, slots=True)
class Load:
    """How images come, and how long they stay."""

    peak: float = 3.0
    """The busiest minutes of a day over its average."""
    busy: float = 0.6
    """How busy a processor may be at the peak, so that nothing queues for long and a host may be lost."""
    months: int = 12
    """How old the system is: nothing is deleted before."""
    shows: float = 10.0
    """How often an image is shown by our own endpoint, as protected ones are. Public ones come from the CDN."""
    host_vcpus: int = 8


@dataclass(frozen=True, slots=True)
class Upkeep:
    """How upkeep goes round, in seconds."""

    sweep_every: float = 900.0
    """SAFELIGHT_SWEEP_EVERY. In each sweep what is new is looked at, and a part of the rest."""
    sweep_whole_every: float = 86_400.0
    """SAFELIGHT_SWEEP_WHOLE_EVERY: time in which everything is."""
    young_hours: float = 7.0
    """Images of so many hours are new, on average over the day."""
    removals_at_once: int = REMOVED_AT_ONCE
