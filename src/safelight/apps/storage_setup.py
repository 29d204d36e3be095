"""Plans and makes the rules of a bucket: CORS, what anybody may read, and what it removes by itself."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from safelight.adapters.s3 import rules
from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.bucket_rules import CORS, LIFECYCLE, POLICY, BucketRules, NotOffered
from safelight.adapters.s3.by_hand import BY_HAND
from safelight.adapters.s3.credentials import open_credentials
from safelight.adapters.s3.requests import S3Requests
from safelight.adapters.s3.rules import CorsRule, LifecycleRule
from safelight.settings import Settings

ANSWERS_WITHIN_S = 30.0

NO_ORIGINS = "SAFELIGHT_ALLOWED_ORIGINS is not set: no page may upload from a browser. Set it, and try again"


@dataclass(frozen=True, slots=True)
class Change:
    """One kind of rules as they are and as they are to be; or what to do by hand, where no call does it."""

    name: str
    before: str = ""
    after: str = ""
    by_hand: str = ""
    make: Callable[[], Awaitable[None]] | None = None
    """None where nothing is to be changed."""


@asynccontextmanager
async def open_requests(address: S3Address) -> AsyncIterator[S3Requests]:
    """Open a bucket for signed calls, with the credentials that are found. Raises StorageFailed."""
    async with (
        open_credentials(address.aws_profile) as credentials,
        httpx.AsyncClient(timeout=ANSWERS_WITHIN_S) as client,
    ):
        yield S3Requests(client, address, credentials)


def wanted_lifecycle(address: S3Address, settings: Settings) -> list[LifecycleRule]:
    """Return when the bucket is to remove incoming bytes: never before their URLs have ended, and long after."""
    days = math.ceil(settings.incoming_retention / timedelta(days=1))
    aborts = BY_HAND[address.profile.name].aborts
    return rules.lifecycle_rules(address, keep_incoming_days=days, aborts=aborts)


def wanted_cors(address: S3Address, settings: Settings) -> list[CorsRule]:
    """Return what the pages of the allowed origins need."""
    return rules.cors_rules(address, settings.allowed_origins)


def wanted_policy(address: S3Address, uploader: str | None) -> list[Mapping[str, Any]]:
    """Return who may what by the bucket's policy; `uploader` is the ARN of whoever signs uploads, and nothing else."""
    uploads = rules.uploader_statements(address, uploader) if uploader else []
    return [rules.public_statement(address), *uploads]


async def plan_setup(
    bucket: BucketRules, address: S3Address, settings: Settings, *, uploader: str | None = None
) -> list[Change]:
    """Read the rules of the bucket, and return what is to be done. Changes nothing. Raises StorageFailed."""
    by_hand = BY_HAND[address.profile.name]
    cors, lifecycle = wanted_cors(address, settings), wanted_lifecycle(address, settings)
    policy = wanted_policy(address, uploader)
    return [
        await _planned(CORS.name, by_hand.cors, lambda: _cors(bucket, cors)),
        await _planned(POLICY.name, by_hand.policy, lambda: _policy(bucket, policy)),
        await _planned(LIFECYCLE.name, by_hand.lifecycle, lambda: _lifecycle(bucket, lifecycle)),
    ]


async def _planned(name: str, by_hand: str, plan: Callable[[], Awaitable[Change]]) -> Change:
    if by_hand:
        return Change(name, by_hand=by_hand)
    try:
        return await plan()
    except NotOffered as error:
        return Change(name, by_hand=f"{error}. Set it up by the provider's own means; --print shows the rules")


async def _cors(bucket: BucketRules, wanted: list[CorsRule]) -> Change:
    if not wanted:
        return Change(
            CORS.name,
            by_hand=NO_ORIGINS,
        )
    before = await bucket.document(CORS)
    after = rules.with_ours(before, wanted)
    present = {CorsRule.parse(rule) for rule in before}
    make = None if present.issuperset(wanted) else lambda: bucket.put_document(CORS, after)
    return Change(CORS.name, rules.readable(before), rules.readable(after), make=make)


async def _lifecycle(bucket: BucketRules, wanted: list[LifecycleRule]) -> Change:
    before = await bucket.document(LIFECYCLE)
    after = rules.with_ours(before, wanted)
    present = {LifecycleRule.parse(rule) for rule in before}
    make = None if present.issuperset(wanted) else lambda: bucket.put_document(LIFECYCLE, after)
    return Change(LIFECYCLE.name, rules.readable(before), rules.readable(after), make=make)


async def _policy(bucket: BucketRules, wanted: list[Mapping[str, Any]]) -> Change:
    before = await bucket.policy()
    after = rules.policy_with(before, wanted)
    present = rules.statements(before)
    are_there = all(any(rules.is_same_statement(one, statement) for one in present) for statement in wanted)
    make = None if are_there else lambda: bucket.put_policy(after)
    return Change(POLICY.name, rules.readable_policy(before), rules.readable_policy(after), make=make)
