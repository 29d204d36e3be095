"""How this process knows users, and what they may: by JWTs, and by the rules of kinds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from safelight.adapters.jwt.identities import Expected, JwtIdentities, SecretKey
from safelight.adapters.jwt.jwks import JwksKeys
from safelight.adapters.webhook.rules import KindRules
from safelight.adapters.webhook.threads import RuleThreads
from safelight.apps.webhooks import questions
from safelight.domain.kind import Kinds
from safelight.ports.clock import Clock, Ids
from safelight.ports.identity import Identities
from safelight.ports.policy import Policy
from safelight.settings import Settings

RULE_THREADS = 8
"""Rules of the kinds file that can block at once. Further ones wait, and are refused when their time is over."""


@asynccontextmanager
async def identities(settings: Settings, clock: Clock) -> AsyncIterator[Identities | None]:
    """Return a block with who knows users, or None where no JWTs are taken."""
    expected = Expected(settings.jwt_algorithms, settings.jwt_issuer, settings.jwt_audience, leeway=settings.jwt_leeway)
    if settings.jwt_secret is not None:
        yield JwtIdentities(SecretKey(settings.jwt_secret.get_secret_value()), expected, clock)
    elif settings.jwt_jwks_url is not None:
        async with JwksKeys(settings.jwt_jwks_url, ttl=settings.jwt_jwks_ttl, clock=clock) as keys:
            yield JwtIdentities(keys, expected, clock)
    else:
        yield None


@asynccontextmanager
async def policy(settings: Settings, kinds: Kinds, clock: Clock, ids: Ids) -> AsyncIterator[Policy]:
    """Return a block with who asks the rules of kinds. Raises WebhookInvalid."""
    threads = RuleThreads(RULE_THREADS)
    try:
        async with questions(settings, kinds, clock, ids) as questioner:
            yield KindRules(timeout=settings.rules_timeout, threads=threads, questioner=questioner)
    finally:
        threads.shutdown()
