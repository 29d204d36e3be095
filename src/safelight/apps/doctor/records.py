"""What the records tell of keys, images and webhooks."""

from collections.abc import AsyncIterator
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.records.snapshot import SqlSnapshot
from safelight.adapters.records.tables import api_key, delivery, image, in_state
from safelight.apps.doctor.finding import Finding, Visit, fine, warning, wrong
from safelight.domain.errors import KindInvalid
from safelight.domain.image import BYTES_OWED, State

WAITS_TOO_LONG = timedelta(hours=1)
CLOCK_TOLERANCE = timedelta(minutes=1)


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
    """See that nothing was written by a clock that ran ahead. Ids begin with the time: it would be the newest."""
    end = visit.clock.now() + CLOCK_TOLERANCE
    newest = select(image.c.created_at).order_by(image.c.id.desc()).limit(visit.most).subquery()
    ahead = select(func.count(), func.max(newest.c.created_at)).where(newest.c.created_at > end)
    count, last_image = (await connection.execute(ahead)).one()
    last_key = (
        await connection.execute(select(func.max(api_key.c.created_at)).where(api_key.c.created_at > end))
    ).scalar()
    latest = max([at for at in (last_image, last_key) if at is not None], default=None)
    if latest is None:
        return []
    return wrong(
        "clock",
        f"{count:,} images are from the future{visit.among(count, 'images')}, the last from "
        f"{latest:%Y-%m-%d %H:%M} UTC; now it is {visit.clock.now():%Y-%m-%d %H:%M} UTC",
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


async def failed_images(visit: Visit, connection: AsyncConnection) -> list[Finding]:
    """Count the images that failed by our fault, by kind and code."""
    failed = select(image).where(in_state(State.FAILED)).order_by(image.c.id.desc()).limit(visit.most).subquery()
    by_cause = select(failed.c.kind, failed.c.ending_code, func.count()).group_by(failed.c.kind, failed.c.ending_code)
    rows = (await connection.execute(by_cause)).all()
    if not rows:
        return fine("failed images", "none")
    causes = "; ".join(f"{count:,} of kind {kind}: {code}" for kind, code, count in rows)
    return warning(
        "failed images",
        causes + visit.among(sum(row[2] for row in rows), "that failed"),
        f"Mend the cause, which the server's log names; then: safelight reprocess --failed --kind {rows[0][0]}",
    )


async def undeclared_images(visit: Visit, connection: AsyncConnection) -> list[Finding]:
    """See that every image's kind is still declared."""
    if isinstance(visit.kinds, KindInvalid):
        return []
    seen = [await _live(name, visit, connection) async for name in _kinds_of(connection) if name not in visit.kinds]
    there = "; ".join(seen_of_one for seen_of_one in seen if seen_of_one)
    if not there:
        return []
    return warning(
        "kinds",
        there,
        "Declare it again, or delete these images; and see that --kinds names the file that the server uses",
    )


async def deliveries(visit: Visit, connection: AsyncConnection) -> list[Finding]:
    """Count the webhooks that were given up."""
    newest = select(delivery).order_by(delivery.c.id.desc()).limit(visit.most).subquery()
    given_up = newest.c.settled_at.is_not(None) & newest.c.last_error.is_not(None)
    counts = select(func.count(), func.count().filter(given_up)).select_from(newest)
    looked_at, count = (await connection.execute(counts)).one()
    among = visit.among(looked_at, "webhooks")
    if not count:
        return fine("deliveries", f"no webhook was given up{among}")
    why = select(newest.c.last_error, newest.c.settled_at).where(given_up).order_by(newest.c.settled_at.desc()).limit(1)
    last = (await connection.execute(why)).one()
    return warning(
        "deliveries",
        f"{count:,} webhooks were given up{among}, the last {last.settled_at:%Y-%m-%d %H:%M} UTC: {last.last_error}",
        f"Mend the receiver ({visit.settings.webhook_url or 'no webhook URL is set now'}), and let the application "
        "catch up by GET /v1/images",
    )


async def _kinds_of(connection: AsyncConnection) -> AsyncIterator[str]:
    """Yield the kinds that there are images of: one look into an index for each."""
    name = (await connection.execute(select(func.min(image.c.kind)))).scalar()
    while name is not None:
        yield name
        name = (await connection.execute(select(func.min(image.c.kind)).where(image.c.kind > name))).scalar()


async def _live(name: str, visit: Visit, connection: AsyncConnection) -> str:
    """Return how many images of a kind that is not declared there are; nothing where all of them are over."""
    newest = select(image.c.state).where(image.c.kind == name).order_by(image.c.id.desc()).limit(visit.most).subquery()
    live = func.count().filter(newest.c.state.not_in(sorted(BYTES_OWED)))
    looked_at, count = (await connection.execute(select(func.count(), live).select_from(newest))).one()
    return (
        f"{count:,} images{visit.among(looked_at, 'of it')} are of kind {name}, which is not declared" if count else ""
    )
