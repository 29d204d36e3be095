"""The API as an application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from litestar import Litestar

from safelight import __version__
from safelight.apps import users
from safelight.apps.owners import limits_of
from safelight.apps.wiring import World
from safelight.http.api import ROUTES, api
from safelight.http.asgi import App
from safelight.http.body import limit_body
from safelight.http.openapi import openapi_document, openapi_schema
from safelight.http.parts import Limits, Parts
from safelight.http.rates import Rates
from safelight.http.readiness import Readiness
from safelight.journey.request import Rules
from safelight.ports.identity import Identities
from safelight.ports.policy import Policy


@asynccontextmanager
async def open_api(world: World, *, ready: Readiness) -> AsyncIterator[App]:
    """Open what the API asks about users, and give the API, which takes no body that is too large or too slow."""
    settings = world.settings
    async with (
        users.policy(settings, world.kinds, world.clock, world.ids) as policy,
        users.identities(settings, world.clock) as identities,
    ):
        app = api_app(world, ready=ready, policy=policy, identities=identities)
        yield limit_body(cast("App", app), max_bytes=settings.max_body_bytes, timeout=settings.header_timeout)


def api_app(world: World, *, ready: Readiness, policy: Policy, identities: Identities | None) -> Litestar:
    """Return the API. Without `identities` no JWTs are taken."""
    settings = world.settings
    parts = Parts(
        rules=Rules(
            world.kinds,
            policy,
            settings.upload_ttl,
            settings.min_free_bytes,
            limits_of(settings),
            settings.multipart_above,
        ),
        limits=Limits(
            max_upload_attempts=settings.max_upload_attempts,
            max_part_urls=settings.max_part_urls,
            max_body_bytes=settings.max_body_bytes,
            max_page=settings.max_page,
            max_wait=settings.max_wait,
            events_ping=settings.events_ping,
            events_max=settings.events_max,
            download_bucket=settings.download_bucket,
            lazy_wait=settings.lazy_wait,
            max_urls=settings.max_urls,
            allowed_origins=settings.allowed_origins,
            idempotency_retention=settings.idempotency_retention,
        ),
        rates=Rates.of(
            world.limiter,
            calls=settings.address_calls_per_minute,
            bad_keys=settings.address_bad_keys_per_minute,
            shows=settings.address_downloads_per_minute,
            token_shows=settings.token_downloads_per_minute,
        ),
        links=world.links,
        records=world.records,
        objects=world.objects,
        signer=world.signer,
        signals=world.signals,
        tokens=world.tokens,
        seal=world.seal,
        audit=world.audit,
        identities=identities,
        clock=world.clock,
        ids=world.ids,
        metrics=world.metrics,
        exposition=world.metrics.exposition,
        ready=ready,
        told=settings.webhook_url is not None,
    )
    return api(parts, version=__version__)


def openapi_json() -> bytes:
    """Return the OpenAPI document as `openapi.json` holds it; `make openapi` writes it."""
    return openapi_document(openapi_schema(ROUTES, version=__version__))
