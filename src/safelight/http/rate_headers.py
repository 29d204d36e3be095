"""What an answer says of a rate limit: the fields of draft-ietf-httpapi-ratelimit-headers-11.

RateLimit-Policy: "address";q=600;w=60      600 calls in 60 seconds
RateLimit: "address";r=0;t=17               none is left; in 17 seconds there is more
"""

from datetime import datetime

from safelight.domain.owner import REQUESTS_POLICY, WINDOW, Owner, OwnerLimits, seconds_left
from safelight.ports.rate_limiter import WINDOW_SECONDS, Remaining


def rate_headers(policy: str, *, allowed: int, window_seconds: int, left: int, reset: int) -> dict[str, str]:
    """Return both fields. `reset` is in how many seconds there is more, as in `Retry-After`."""
    return {
        "ratelimit-policy": f'"{policy}";q={allowed};w={window_seconds}',
        "ratelimit": f'"{policy}";r={left};t={reset}',
    }


def headers_of(remaining: Remaining) -> dict[str, str]:
    """Return both fields for a call that was counted."""
    rate = remaining.rate
    return rate_headers(
        rate.policy,
        allowed=rate.allowed,
        window_seconds=WINDOW_SECONDS,
        left=remaining.calls,
        reset=remaining.reset,
    )


def headers_of_owner(owner: Owner, limits: OwnerLimits, *, now: datetime) -> dict[str, str]:
    """Return both fields for a REQUEST that was counted to its owner."""
    return rate_headers(
        REQUESTS_POLICY,
        allowed=limits.requests_per_minute,
        window_seconds=int(WINDOW.total_seconds()),
        left=limits.requests_per_minute - owner.requests,
        reset=seconds_left(now),
    )
