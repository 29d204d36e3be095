"""What the records tell of keys, images and webhooks."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.records.snapshot import SqlSnapshot
from safelight.adapters.records.tables import api_key, delivery, image
from safelight.apps.doctor.finding import Finding, Visit, fine, warning, wrong
from safelight.domain.errors import KindInvalid
from safelight.domain.image import BYTES_OWED, State

WAITS_TOO_LONG = timedelta(hours=1)
CLOCK_TOLERANCE = timedelta(minutes=1)

GIVEN_UP = (delivery.c.settled_at.is_not(None), delivery.c.last_error.is_not(None))


async def api_keys(visit: Visit, connection: AsyncConnection) -> list[Finding]:
    """See that the application has a key that is good."""
    keys = await SqlSnapshot(connection).api_keys()
    good = [key for key in keys if key.revoked_at is None]
    cure = f"safelight keys create NAME{visit.of_the_folder}"
    if good:
        return fine("API keys", f"{len(good)} of {len(keys)} are good")
    if visit.settings.bootstrap_key is not None and not keys:
        return fine("API keys", "SAFELIGHT_BOOTSTRAP_KEY is taken at the next start")
    return wrong("API keys", f"all {len(keys)} are revoked" if keys else "there is none", cure)


async def records_from_the_future(visit: Visit, connection: AsyncConnection) -> list[Finding]:
    """See that nothing was written by a clock that ran ahead."""
    end = visit.clock.now() + CLOCK_TOLERANCE
    latest = max(
        [at for table in (image, api_key) if (at := await _latest(connection, table.c.created_at))], default=None
    )
    if latest is None or latest <= end:
        return []
    count = await _count(connection, select(func.count()).select_from(image).where(image.c.created_at > end))
    return wrong(
        "clock",
        f"{count:,} images are from the future, the last from {latest:%Y-%m-%d %H:%M} UTC; now it is "
        f"{visit.clock.now():%Y-%m-%d %H:%M} UTC",
        "Set the system's clock right and keep it so by NTP. Where it is right now, wait: until then uploads that "
        "nobody confirms do not expire",
    )


async def waiting_images(visit: Visit, connection: AsyncConnection) -> list[Finding]:
    """See that no image waits for a worker for long."""
    since = await SqlSnapshot(connection).oldest_waiting()
    if since is None or visit.clock.now() - since < WAITS_TOO_LONG:
        return fine("waiting images", "none waits for a worker for over an hour")
    seen = f"the first waits for a worker since {since:%Y-%m-%d %H:%M} UTC"
    if visit.running:
        cure = "See the server's log, and the sandbox below; then restart the server: it takes them up again"
        return wrong("waiting images", seen, cure)
    return warning("waiting images", f"{seen}; no server runs", "safelight up")


async def failed_images(_visit: Visit, connection: AsyncConnection) -> list[Finding]:
    """Count the images that failed by our fault, by kind and code."""
    failed = (
        select(image.c.kind, image.c.ending_code, func.count())
        .where(image.c.state == State.FAILED)
        .group_by(image.c.kind, image.c.ending_code)
    )
    rows = (await connection.execute(failed)).all()
    if not rows:
        return fine("failed images", "none")
    return warning(
        "failed images",
        "; ".join(f"{count:,} of kind {kind}: {code}" for kind, code, count in rows),
        f"Mend the cause, which the server's log names; then: safelight reprocess --failed --kind {rows[0][0]}",
    )


async def undeclared_images(visit: Visit, connection: AsyncConnection) -> list[Finding]:
    """See that every image's kind is still declared."""
    if isinstance(visit.kinds, KindInvalid):
        return []
    counts = select(image.c.kind, func.count()).where(image.c.state.not_in(sorted(BYTES_OWED))).group_by(image.c.kind)
    rows = [row for row in (await connection.execute(counts)).all() if row[0] not in visit.kinds]
    if not rows:
        return []
    return warning(
        "kinds",
        "; ".join(f"{count:,} images are of kind {kind}, which is not declared" for kind, count in rows),
        "Declare it again, or delete these images; and see that --kinds names the file that the server uses",
    )


async def deliveries(visit: Visit, connection: AsyncConnection) -> list[Finding]:
    """Count the webhooks that were given up."""
    count = await _count(connection, select(func.count()).select_from(delivery).where(*GIVEN_UP))
    if not count:
        return fine("deliveries", "no webhook was given up")
    last = (
        await connection.execute(
            select(delivery.c.last_error, delivery.c.settled_at)
            .where(*GIVEN_UP)
            .order_by(delivery.c.settled_at.desc())
            .limit(1)
        )
    ).one()
    return warning(
        "deliveries",
        f"{count:,} webhooks were given up, the last {last.settled_at:%Y-%m-%d %H:%M} UTC: {last.last_error}",
        f"Mend the receiver ({visit.settings.webhook_url or 'no webhook URL is set now'}), and let the application "
        "catch up by GET /v1/images",
    )


async def _latest(connection: AsyncConnection, column: ColumnElement[datetime]) -> datetime | None:
    return (await connection.execute(select(func.max(column)))).scalar()


async def _count(connection: AsyncConnection, query: Select[int]) -> int:
    return (await connection.execute(query)).scalar_one()
