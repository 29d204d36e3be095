"""The upload service: takes uploads, and delivers what lies on the same disk."""

from safelight.adapters.disk.object_store import DiskObjectStore
from safelight.domain.tokens import Tokens
from safelight.http.asgi import App
from safelight.http.body import Pace
from safelight.http.cors import origin_headers
from safelight.http.files import Files
from safelight.http.gateway import Gateway
from safelight.http.uploads import Uploads
from safelight.ports.clock import Clock, Ids
from safelight.ports.rate_limiter import Rate, RateLimiter
from safelight.settings import Settings
from safelight.worker.periodic import every


def uploads_app(
    settings: Settings, tokens: Tokens, objects: DiskObjectStore, *, clock: Clock, ids: Ids, limiter: RateLimiter
) -> App:
    """Return the ASGI application."""
    pace = Pace(total=settings.body_timeout, grace=settings.body_grace, least_rate=settings.min_bytes_per_second)
    origins = settings.allowed_origins
    return Gateway(
        uploads=Uploads(objects, tokens, clock=clock, pace=pace, allowed_origins=origins),
        files=Files(
            objects,
            tokens,
            clock=clock,
            allowed_origins=origins,
            limiter=limiter,
            downloads=Rate("address-downloads", settings.address_downloads_per_minute),
        ),
        new_request_id=ids.new,
        origin_headers=lambda scope: origin_headers(scope, origins),
    )


async def sweep_unfinished(settings: Settings, objects: DiskObjectStore, clock: Clock) -> None:
    """Remove by and by what uploads left unfinished whose process was killed. Until cancelled."""

    async def sweep() -> None:
        await objects.sweep_temporary(older_than=clock.now() - 2 * settings.body_timeout)

    await every(settings.sweep_every, "sweep of unfinished uploads", sweep)
