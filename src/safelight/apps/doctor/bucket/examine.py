"""The examination of a bucket, in order."""

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

import httpx

from safelight.adapters.s3.address import S3Address
from safelight.apps.doctor.bucket import access, uploader, uploads
from safelight.apps.doctor.bucket.bench import Bench, open_bench
from safelight.apps.doctor.finding import Finding, Level, wrong
from safelight.apps.storage import is_bucket
from safelight.domain.errors import StorageFailed
from safelight.ports.clock import Clock
from safelight.settings import Settings

Probe = Callable[[Bench], list[Finding] | Awaitable[list[Finding]]]

FIRST: Probe = access.endpoint
"""Without it nothing else can be looked at."""

PROBES: Sequence[Probe] = (
    access.clock_skew,
    access.public_endpoint,
    uploads.upload,
    uploads.forged,
    uploads.other_key,
    uploads.sizes,
    uploads.other_type,
    uploads.added_headers,
    uploader.upload_rights,
    uploads.expired,
    uploads.replayed,
    uploads.forms,
    uploads.parts,
    access.strangers,
    access.public_objects,
    access.cors,
    access.lifecycle,
    access.rights,
)


def buckets(settings: Settings) -> list[str]:
    """Return the buckets that the settings name."""
    named = (settings.storage_url, settings.storage_mirror)
    return [one for one in named if one is not None and is_bucket(one)]


async def examine_bucket(url: str, settings: Settings, *, clock: Clock) -> AsyncGenerator[Finding]:
    """Yield what each probe finds. Writes a few small objects, and removes them; works beside running servers."""
    try:
        async with open_bench(S3Address.parse(url), settings, clock) as bench:
            for finding in (first := await _run(FIRST, bench)):
                yield finding
            for probe in PROBES if first[0].level is Level.OK else ():
                for finding in await _run(probe, bench):
                    yield finding
    except StorageFailed as error:
        yield wrong("credentials", error.reason, f"{error.cure}, and run this again")[0]


async def _run(probe: Probe, bench: Bench) -> list[Finding]:
    """Return what a probe finds. One that breaks is a finding itself."""
    name = getattr(probe, "__name__", "probe").replace("_", " ")
    try:
        found = probe(bench)
        return await found if inspect.isawaitable(found) else found
    except StorageFailed as error:
        return wrong(name, error.reason, f"{error.cure}, and run this again")
    except httpx.HTTPError as error:
        where = bench.address.public_endpoint
        return wrong(name, f"{where} gives no answer: {type(error).__name__}", "See that clients reach it")
    except Exception as error:  # noqa: BLE001 - whatever it is, whoever asked has to see it
        return wrong(name, f"cannot be examined: {type(error).__name__}: {error}", "Mend what is wrong above, first")
