"""Who reaches the bucket, and what strangers may: read what is public, and nothing else."""

from datetime import timedelta
from email.utils import parsedate_to_datetime

import httpx

from safelight.adapters.s3.bucket_rules import LIFECYCLE, BucketRules, NotOffered
from safelight.adapters.s3.by_hand import BY_HAND
from safelight.adapters.s3.requests import refusal
from safelight.adapters.s3.rules import LifecycleRule
from safelight.adapters.s3.signer import SKEW
from safelight.apps.doctor.bucket.bench import CONTENT, Bench, said, see_refused
from safelight.apps.doctor.finding import Finding, fine, warning, wrong
from safelight.apps.storage_setup import wanted_lifecycle
from safelight.domain import keys
from safelight.domain.delivery import PUBLIC_CACHING, content_type

SET_UP = "safelight storage setup --apply"
DETOUR = (
    "The server, or a proxy before it, looks at rights before it makes the path plain. Let the proxy refuse paths of "
    "which a part begins with a dot, as deploy/compose/gateway.conf does"
)
NOBODY = "https://safelight-doctor.invalid"
"""An origin that no one has allowed."""

REFUSED_BY_S3 = timedelta(minutes=15)
"""S3 Developer Guide, "RequestTimeTooSkewed": clocks that are further apart are refused."""


async def endpoint(bench: Bench) -> list[Finding]:
    """See that we reach the bucket, and may list, write, read and delete there."""
    address = bench.address
    listed = await bench.requests.send("GET", params={"list-type": "2", "max-keys": "1", "prefix": address.prefix})
    if not listed.is_success:
        refused = refusal(address, listed.status_code, listed.text)
        return wrong("bucket", refused.reason, f"{refused.cure}, and run this again")
    key = bench.original()
    await bench.put(key)
    read = await bench.read(key) == CONTENT
    deleted = await bench.requests.send("DELETE", key)
    if read and deleted.is_success:
        return fine("bucket", f"{address.bucket} at {address.endpoint} can be listed, written, read and deleted in")
    lacking = "s3:DeleteObject" if read else "s3:GetObject"
    return wrong("bucket", f"{address.bucket} can be listed and written alone", f"The credentials need {lacking}, too")


async def clock_skew(bench: Bench) -> list[Finding]:
    """Compare our clock with the server's, by which signatures begin and end."""
    before = bench.clock.now()
    answer = await bench.http.get(bench.address.endpoint)
    after = bench.clock.now()
    if "date" not in answer.headers:
        return warning("clock", "the server does not say what time it is", "Run an NTP service on this machine")
    there = parsedate_to_datetime(answer.headers["date"])
    apart = max(before - there - timedelta(seconds=1), there - after, timedelta(0))
    seen = f"this machine's clock and the server's are {apart.total_seconds():.0f} s apart"
    cure = "Run an NTP service on both: signatures begin and end by these clocks"
    if apart >= REFUSED_BY_S3:
        return wrong("clock", f"{seen}: nothing that is signed here is valid there", cure)
    return warning("clock", seen, cure) if apart >= SKEW else fine("clock", seen)


async def public_endpoint(bench: Bench) -> list[Finding]:
    """See that clients come to the same bucket by the public endpoint."""
    key, address = bench.original(), bench.address
    await bench.put(key)
    signed = bench.signer.sign_download(key, expires_at=bench.clock.now() + timedelta(minutes=1))
    try:
        answer = await bench.http.get(signed)
        seen = said(answer)
    except httpx.HTTPError as error:
        answer, seen = None, type(error).__name__
    if answer is not None and answer.is_success and answer.content == CONTENT:
        return fine("public endpoint", f"{address.public_endpoint} is the same bucket, and takes our signatures")
    return wrong(
        "public endpoint",
        f"{address.public_endpoint} does not give what was written by {address.endpoint}: {seen}",
        "Mend public_endpoint in SAFELIGHT_STORAGE_URL. A proxy before it must pass Host, path and query on unchanged",
    )


async def strangers(bench: Bench) -> list[Finding]:
    """See that nobody reads, lists or writes without a signature."""
    private, incoming = bench.original(), bench.incoming()
    await bench.put(private)
    await bench.put(incoming)
    url = bench.address.public_url
    reads = {key: await bench.http.get(url(key)) for key in (private, incoming)}
    detour = await bench.http.get(url(private).replace("/private/", "/public/%2e%2e/private/", 1))
    listing = await bench.http.get(f"{url()}?list-type=2&prefix={bench.address.prefix}")
    written = await bench.http.put(url(bench.public()), content=CONTENT, headers={"content-type": "text/html"})
    cure = (
        "Take away what lets everybody in: an ACL or policy of the whole bucket, or a public custom domain. Only "
        f"public/* may be read; this sets that policy: {SET_UP}"
    )
    return [
        *see_refused("private objects", "reading an original without a signature", reads[private], cure),
        *see_refused("detours", "reading an original by way of public/../ without a signature", detour, DETOUR),
        *see_refused("incoming objects", "reading an upload without a signature", reads[incoming], cure),
        *see_refused("listing", "listing without a signature", listing, cure),
        *see_refused("writing", "writing without a signature", written, cure),
    ]


async def public_objects(bench: Bench) -> list[Finding]:
    """See that anybody reads what is public, as we want it shown."""
    key = bench.public()
    headers = {"content-type": content_type(key), "cache-control": PUBLIC_CACHING}
    await bench.requests.send("PUT", key, headers=headers, content=CONTENT)
    url = bench.signer.public_url(key)
    answer = await bench.http.get(url, follow_redirects=True)
    if not answer.is_success or answer.content != CONTENT:
        by_hand = BY_HAND[bench.address.profile.name].policy
        return wrong(
            "public objects",
            f"they cannot be read at {url.partition('/public/')[0]}/public/ ({said(answer)})",
            by_hand or f"Let anybody read public/*: {SET_UP}",
        )
    told = {name: answer.headers.get(name) for name in headers}
    if told != headers:
        return wrong(
            "public objects",
            f"they are not sent as they were stored: {told}",
            "Let the CDN or proxy pass Content-Type and Cache-Control on unchanged",
        )
    return fine(
        "public objects", f"anybody can read them at {url.partition('/public/')[0]}/public/, with type and caching"
    )


async def cors(bench: Bench) -> list[Finding]:
    """See that pages of the allowed origins may upload, and see an ETag; and no others."""
    origins = bench.settings.allowed_origins
    if not origins:
        return warning(
            "CORS",
            "SAFELIGHT_ALLOWED_ORIGINS is not set: no page may upload from a browser",
            f"Set it to the origins of your pages, and then: {SET_UP}",
        )
    key = bench.incoming()
    await bench.upload(bench.sign(key))
    lacking = [origin for origin in origins if not await _allowed(bench, key, origin)]
    foreign = await _preflight(bench, key, NOBODY)
    cure = BY_HAND[bench.address.profile.name].cors or SET_UP
    if lacking:
        return wrong("CORS", f"pages of {', '.join(lacking)} may not upload: the preflight is refused", cure)
    if foreign.headers.get("access-control-allow-origin") in {"*", NOBODY}:
        return wrong("CORS", "pages of any origin may upload", f"Take away the rule that lets them. Ours alone: {cure}")
    signed = bench.signer.sign_download(key, expires_at=bench.clock.now() + timedelta(minutes=1))
    answer = await bench.http.get(signed, headers={"origin": origins[0]})
    if "etag" not in answer.headers.get("access-control-expose-headers", "").lower():
        return wrong("CORS", "pages may not see the ETag, which an upload in parts needs", cure)
    return fine("CORS", f"pages of {', '.join(origins)} may upload, those of other origins may not")


async def lifecycle(bench: Bench) -> list[Finding]:
    """See that the bucket removes what was left, and never too early."""
    wanted = wanted_lifecycle(bench.address, bench.settings)
    by_hand = BY_HAND[bench.address.profile.name].lifecycle
    if by_hand:
        return warning("lifecycle", "cannot be looked at by S3 calls here", by_hand)
    try:
        document = await BucketRules(bench.requests).document(LIFECYCLE)
    except NotOffered as error:
        return warning("lifecycle", str(error), "Nothing need be done: it is a net under our own sweep")
    present = [rule for element in document if (rule := LifecycleRule.parse(element)) is not None]
    hasty = [rule for rule in present if _is_hasty(rule, wanted, bench)]
    if hasty:
        names = ", ".join(rule.id or "without a name" for rule in hasty)
        return wrong("lifecycle", f"a rule removes objects that are needed ({names})", f"Remove it, and then: {SET_UP}")
    if not set(present).issuperset(wanted):
        return warning("lifecycle", "the bucket does not remove abandoned uploads by itself", SET_UP)
    days = ", ".join(f"{rule.prefix}* after {rule.expire_days} days" for rule in wanted if rule.expire_days)
    return fine("lifecycle", f"removed are {days}, and parts of uploads that were never completed")


def _is_hasty(rule: LifecycleRule, wanted: list[LifecycleRule], bench: Bench) -> bool:
    """Whether a rule removes objects that we keep: incoming ones before their time, or any of the others."""
    if rule.expire_days is None:
        return False
    net = next(one for one in wanted if one.expire_days is not None)
    kept = (f"{bench.address.prefix}{area}" for area in (keys.PUBLIC, keys.PRIVATE))
    too_early = rule.expire_days < (net.expire_days or 0) and _overlap(rule.prefix, net.prefix)
    return too_early or any(_overlap(rule.prefix, area) for area in kept)


def _overlap(one: str, other: str) -> bool:
    """Whether a key can begin with both."""
    return one.startswith(other) or other.startswith(one)


def rights(bench: Bench) -> list[Finding]:
    """Say what cannot be proven."""
    return fine(
        "least rights",
        f"cannot be proven from here: let the credentials do no more than list {bench.address.bucket}, and get, put "
        "and delete objects there",
    )


async def _allowed(bench: Bench, key: str, origin: str) -> bool:
    answer = await _preflight(bench, key, origin)
    return answer.is_success and answer.headers.get("access-control-allow-origin") in {"*", origin}


async def _preflight(bench: Bench, key: str, origin: str) -> httpx.Response:
    """Ask what a browser asks before it uploads."""
    named = {"content-type", *bench.sign(bench.incoming()).headers}
    return await bench.http.options(
        bench.address.public_url(key),
        headers={
            "origin": origin,
            "access-control-request-method": "PUT",
            "access-control-request-headers": ",".join(sorted(named)),
        },
    )
