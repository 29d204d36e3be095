"""What the API's calls are made from, handed in by the composition root."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from safelight.domain.kind import Kinds
from safelight.domain.tokens import Tokens
from safelight.domain.urls import Links
from safelight.http.rates import Rates
from safelight.http.readiness import Readiness
from safelight.journey.request import Rules
from safelight.ports.audit import Audit
from safelight.ports.clock import Clock, Ids
from safelight.ports.identity import Identities
from safelight.ports.metrics import Metrics
from safelight.ports.object_store import ObjectStore, Signer
from safelight.ports.policy import Policy
from safelight.ports.records import Records
from safelight.ports.seal import Seal
from safelight.ports.signals import Signals


@dataclass(frozen=True, slots=True)
class Limits:
    """The API's own limits; each is a setting of the same name."""

    max_upload_attempts: int
    max_part_urls: int
    max_body_bytes: int
    max_page: int
    max_wait: timedelta
    events_ping: timedelta
    events_max: timedelta
    download_bucket: timedelta
    lazy_wait: timedelta
    max_urls: int
    allowed_origins: tuple[str, ...]
    idempotency_retention: timedelta


@dataclass(frozen=True, slots=True)
class Parts:
    """Ports, rules, limits and rates.

    `told`: whether the application wants webhooks. `identities`: None takes no JWTs.
    """

    rules: Rules
    limits: Limits
    rates: Rates
    links: Links
    records: Records
    objects: ObjectStore
    signer: Signer
    signals: Signals
    tokens: Tokens
    seal: Seal
    audit: Audit
    identities: Identities | None
    clock: Clock
    ids: Ids
    metrics: Metrics
    exposition: Callable[[], bytes]
    ready: Readiness
    told: bool

    @property
    def kinds(self) -> Kinds:
        """Every declared kind."""
        return self.rules.kinds

    @property
    def policy(self) -> Policy:
        """Who asks the rules of kinds."""
        return self.rules.policy
