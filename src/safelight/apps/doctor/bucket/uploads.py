"""What a client may write: exactly what was signed, once, and until its time."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from safelight.adapters.s3 import rules
from safelight.apps.doctor.bucket.bench import CONTENT, OTHER_CONTENT, Bench, said, see_refused
from safelight.apps.doctor.finding import Finding, fine, warning, wrong
from safelight.domain.keys import Key

OVER = timedelta(seconds=-5)
"""A permission that ended so long ago."""

PART_BYTES = 1024
"""A last part may be as small as one likes."""

NOT_HELD = (
    "This server does not hold clients to what was signed, so that anybody with an upload URL may write what he likes. "
    "Use another one, or a proxy that checks signatures"
)
OPEN_TO_HEADERS = (
    "Say profile=ceph in SAFELIGHT_STORAGE_URL where it is Ceph. Else sign uploads with credentials that can do "
    "nothing else (SAFELIGHT_UPLOAD_ACCESS_KEY_ID), and let clients come by a proxy (public_endpoint) that drops "
    "x-amz-copy-source, x-amz-acl and their like, as deploy/compose/gateway.conf does. Until then anybody with an "
    "upload URL may have every object that the credentials can read by which it was signed"
)
FORGED = "0" * 64

OPENING: Sequence[Mapping[str, str]] = (
    {"x-amz-acl": "public-read"},
    {"x-amz-grant-read": 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'},
)
"""S3 User Guide, "Access control list (ACL) overview": both let everybody read an object."""


async def upload(bench: Bench) -> list[Finding]:
    """See that a client can upload what was signed; without that, no refusal means anything."""
    key = bench.incoming()
    answer = await bench.upload(bench.sign(key))
    if answer.is_success and await bench.read(key) == CONTENT:
        return fine("upload", f"a signed upload is taken ({said(answer)})")
    if answer.is_success and bench.uploader is not None:
        return wrong(
            "upload",
            "what is uploaded cannot be read with our other credentials: it belongs to whoever signed the upload",
            "Let both credentials be of one account; on Ceph let those that sign uploads be of a subuser",
        )
    return wrong(
        "upload",
        f"a signed upload is not taken: {bench.address.public_endpoint} says {said(answer)}",
        "Is public_endpoint what clients use, with its own host name in the signature (no proxy may change it)? "
        "May the credentials write there (s3:PutObject)?",
    )


async def forged(bench: Bench) -> list[Finding]:
    """See that a signature is looked at."""
    signed = bench.sign(bench.incoming())
    address, _, signature = signed.url.rpartition("X-Amz-Signature=")
    answer = await bench.upload(signed, url=f"{address}X-Amz-Signature={FORGED[: len(signature)]}")
    return see_refused("forged", "a forged signature", answer, NOT_HELD)


async def other_key(bench: Bench) -> list[Finding]:
    """See that a signature is good for one key."""
    signed, other = bench.sign(bench.incoming()), bench.sign(bench.incoming())
    swapped = f"{other.url.partition('?')[0]}?{signed.url.partition('?')[2]}"
    answer = await bench.upload(signed, url=swapped)
    return see_refused("other key", "an upload to another key than was signed", answer, NOT_HELD)


async def sizes(bench: Bench) -> list[Finding]:
    """See that a signature is good for one size."""
    longer = await bench.upload(bench.sign(bench.incoming()), CONTENT + b"!")
    shorter = await bench.upload(bench.sign(bench.incoming()), CONTENT[:-1])
    return [
        *see_refused("oversized", "a body longer than was signed", longer, NOT_HELD),
        *see_refused("undersized", "a body shorter than was signed", shorter, NOT_HELD),
    ]


async def other_type(bench: Bench) -> list[Finding]:
    """See that a signature is good for one content type."""
    answer = await bench.upload(bench.sign(bench.incoming()), headers={"content-type": "text/html"})
    return see_refused("other type", "another content type than was signed", answer, NOT_HELD)


async def added_headers(bench: Bench) -> list[Finding]:
    """See that a client cannot add headers that copy what it may not read, or open what it uploads to everybody."""
    source, copied = bench.original(), bench.incoming()
    await bench.put(source, OTHER_CONTENT)
    named = {"x-amz-copy-source": f"{bench.address.bucket}/{bench.address.prefix}{source}"}
    copying = await bench.upload(bench.sign(copied), headers=named)
    opening = [await _opened(bench, headers) for headers in OPENING]
    taken = {
        "a copy of another object": await bench.read(copied) == OTHER_CONTENT,
        "an object that everybody may read": any(is_open for _, is_open in opening),
    }
    if any(taken.values()):
        made = " and ".join(what for what, is_made in taken.items() if is_made)
        return wrong("added headers", f"by adding headers that were not signed, an upload made {made}", OPEN_TO_HEADERS)
    answers = ", ".join((said(copying), *(answer for answer, _ in opening)))
    return fine("added headers", f"none that copy or open an object are heard ({answers})")


async def _opened(bench: Bench, headers: Mapping[str, str]) -> tuple[str, bool]:
    """Upload with these headers besides; return the answer, and whether everybody may read it then."""
    key = bench.incoming()
    answer = await bench.upload(bench.sign(key), headers=headers)
    return said(answer), (await bench.http.get(bench.address.public_url(key))).is_success


async def expired(bench: Bench) -> list[Finding]:
    """See that a signature ends."""
    answer = await bench.upload(bench.sign(bench.incoming(), ends_in=OVER))
    return see_refused("expired", "an upload URL that has ended", answer, NOT_HELD)


async def replayed(bench: Bench) -> list[Finding]:
    """See that an upload URL writes once; where it may write again, say what protects then."""
    key = bench.incoming()
    signed = bench.sign(key)
    await bench.upload(signed)
    answer = await bench.upload(signed, OTHER_CONTENT)
    kept = await bench.read(key) == CONTENT
    profile = bench.address.profile
    if answer.is_client_error and kept:
        return fine("replayed", f"a second upload by the same URL is refused ({said(answer)})")
    if profile.write_once:
        return wrong(
            "replayed",
            f"a second upload by the same URL is taken ({said(answer)}), although profile {profile.name} has "
            "If-None-Match",
            "Say profile=generic in SAFELIGHT_STORAGE_URL: what protects then does not count on it",
        )
    return warning(
        "replayed",
        f"an upload URL can write again until it ends: profile {profile.name} has no If-None-Match",
        "Nothing need be done: the worker reads by ETag and keeps what it verified under a key of its own, and what "
        "clients write is never shown. It ends with SAFELIGHT_UPLOAD_TTL",
    )


async def forms(bench: Bench) -> list[Finding]:
    """See that a form is held to its policy, where the provider has forms."""
    if not bench.address.profile.post_policy:
        return fine("forms", f"not offered to clients: profile {bench.address.profile.name} has no POST policies")
    taken = await bench.post(bench.form(bench.incoming()))
    if not taken.is_success:
        return wrong("forms", f"a signed form is not taken ({said(taken)})", "Say profile=generic: it counts on none")
    refusals = {
        "longer file": await bench.post(bench.form(bench.incoming()), CONTENT + b"!"),
        "shorter file": await bench.post(bench.form(bench.incoming()), CONTENT[:-1]),
        "other key": await bench.post(
            bench.form(bench.incoming()), fields={"key": bench.address.prefix + bench.incoming()}
        ),
        "other type": await bench.post(bench.form(bench.incoming()), fields={"Content-Type": "text/html"}),
        "expired form": await bench.post(bench.form(bench.incoming(), ends_in=OVER)),
    }
    let_in = [what for what, answer in refusals.items() if not answer.is_client_error]
    if let_in:
        return wrong("forms", f"a form is taken with: {', '.join(let_in)}", NOT_HELD)
    return fine("forms", f"a signed form is taken; refused are: {', '.join(refusals)}")


async def parts(bench: Bench) -> list[Finding]:
    """See that each part of a multipart upload is held to its length."""
    key = bench.incoming()
    begun = await bench.requests.send("POST", key, params={"uploads": ""}, headers={"content-type": "image/jpeg"})
    if not begun.is_success:
        return wrong("parts", f"a multipart upload cannot be begun ({said(begun)})", "Allow s3:PutObject")
    upload_id = rules.parsed(begun.content).findtext("UploadId") or ""
    try:
        return await _parts(bench, key, upload_id)
    finally:
        await bench.requests.send("DELETE", key, params={"uploadId": upload_id})


async def _parts(bench: Bench, key: Key, upload_id: str) -> list[Finding]:
    now = bench.clock.now()
    url = bench.parts.url(
        "PUT",
        bench.address.public_url(key),
        begins_at=now - timedelta(minutes=1),
        expires_at=now + timedelta(minutes=5),
        headers={"content-length": str(PART_BYTES)},
        params={"partNumber": "1", "uploadId": upload_id},
    )
    longer = await bench.http.put(url, content=bytes(PART_BYTES + 1))
    shorter = await bench.http.put(url, content=bytes(PART_BYTES - 1))
    right = await bench.http.put(url, content=bytes(PART_BYTES))
    if not right.is_success:
        return wrong(
            "parts",
            f"a signed part is not taken ({said(right)})",
            "Allow s3:PutObject, and see public_endpoint. Where this server takes parts from nobody but whoever began "
            "the upload, SAFELIGHT_MULTIPART_ABOVE=5GB does without parts",
        )
    if not (longer.is_client_error and shorter.is_client_error):
        return wrong("parts", f"a part of another length is taken ({said(longer)}, {said(shorter)})", NOT_HELD)
    return fine("parts", f"a signed part is taken; one of another length is refused ({said(longer)})")
