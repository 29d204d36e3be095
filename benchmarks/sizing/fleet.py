"""A real Safelight to be measured: Postgres that writes to its disk, an S3 server, one API and one worker."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from safelight.testing.ceph import CephServer
from safelight.testing.postgres import PostgresServer
from safelight.testing.program import MODULE, Program, environment
from safelight.testing.server import API_KEY, PATIENCE
from sizing.sink import WebhookSink

DATABASE = "capacity"
WEBHOOK_SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="  # noqa: S105 - of a server that ends with us
KINDS = """
from safelight import Kind, cover, fit

photo = Kind(
    "photo",
    public=False,
    variants={"thumb": cover(200, 200), "medium": fit(800), "large": fit(1600)},
    one_per_record=False,
)
"""
"""Six renditions: three sizes, as WebP and JPEG. Protected, so that showing one asks us."""

SELDOM = {"reconcile_every": "86400", "sweep_every": "86400"}
"""Upkeep is measured by itself, and not by chance in the middle of a step."""

POSTGRES = {"shared_preload_libraries": "pg_stat_statements", "checkpoint_timeout": "1h", "max_wal_size": "16GB"}
"""Without checkpoints, after which each page is written whole once: how often they come is the operator's choice."""

NO_LIMITS = dict.fromkeys(("owner_requests_per_minute", "owner_open_uploads", "owner_images"), "1000000")


@dataclass(frozen=True, slots=True)
class Fleet:
    """What runs. `storage_url` and `database_url` are the settings."""

    postgres: PostgresServer
    ceph: CephServer
    database_url: str
    storage_url: str
    api: Program
    worker: Program
    sink: WebhookSink


@contextmanager
def running(folder: Path, *, slots: int) -> Iterator[Fleet]:
    """Run everything on loopback until the end of the block."""
    kinds = folder / "images.py"
    kinds.write_text(KINDS)
    with PostgresServer(durable=True, options=POSTGRES) as postgres, CephServer() as ceph, WebhookSink() as sink:
        settings = {
            "data": str(folder / "data"),
            "database_url": postgres.create_database(DATABASE),
            "storage_url": ceph.storage_url(ceph.create_bucket()),
            "keyring": str(folder / "keyring.json"),
            "kinds": str(kinds),
            "public_url": "http://127.0.0.1:1",
            "bootstrap_key": API_KEY,
            "slots": str(slots),
            "webhook_url": sink.url,
            "webhook_private": "true",
            "webhook_secret": WEBHOOK_SECRET,
            "webhook_timeout": "600",
            "rules_timeout": "30",
        }
        settings |= SELDOM | NO_LIMITS
        variables = {**PATIENCE, **ceph.environment}
        for words in (["signing-keys", "create", settings["keyring"]], ["migrate"]):
            subprocess.run(  # noqa: S603 - our own program
                [sys.executable, *MODULE, *words], env=environment(settings, variables), cwd=folder, check=True
            )
        with (
            Program(["api"], folder / "api.log", settings, variables=variables) as api,
            Program(["worker"], folder / "worker.log", settings, variables=variables) as worker,
        ):
            yield Fleet(postgres, ceph, settings["database_url"], settings["storage_url"], api, worker, sink)
