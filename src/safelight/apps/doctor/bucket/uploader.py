"""What an upload URL could be stretched to: all that the credentials may that signed it."""

from safelight.adapters.s3.requests import S3Requests
from safelight.apps.doctor.bucket.bench import CONTENT, Bench
from safelight.apps.doctor.finding import Finding, fine, warning, wrong
from safelight.domain.keys import Key

NAME = "upload rights"
COPY = "x-amz-copy-source"
DELETE = "delete an upload"

THEIR_POLICY = "safelight storage setup --print shows the policy that they should have, and docs/s3.md how to make them"


async def upload_rights(bench: Bench) -> list[Finding]:
    """See that what signs uploads can do nothing else, tried by itself: then no header stretches a URL to more."""
    if bench.uploader is None:
        return _without(bench)
    own = bench.incoming()
    if not (await bench.upload(bench.sign(own))).is_success:
        return wrong(NAME, "cannot be tried: no upload is taken that they sign", "Mend what `upload` says above, first")
    done = await _done(bench, bench.uploader, own)
    if not done:
        return fine(
            NAME, "the credentials that sign uploads read, list, copy and delete nothing, and write nowhere else"
        )
    if done == [DELETE]:
        return warning(
            NAME,
            "the credentials that sign uploads can delete these, and nothing else that they should not",
            "Nothing need be done where the server lets whoever writes delete, as SeaweedFS: no upload URL does it",
        )
    return wrong(
        NAME,
        f"the credentials that sign uploads can do more: {', '.join(done)}",
        f"Let them do nothing but s3:PutObject below incoming/: {THEIR_POLICY}",
    )


async def _done(bench: Bench, uploader: S3Requests, own: Key) -> list[str]:
    """Try what an uploader must not do, with an original and with an upload of its own; return what was done."""
    original = bench.original()
    await bench.put(original)
    folder = f"{bench.address.bucket}/{bench.address.prefix}"
    answers = {
        "read an original": await uploader.send("GET", original),
        "read an upload": await uploader.send("GET", own),
        "list": await uploader.send("GET", params={"list-type": "2", "max-keys": "1"}),
        "write elsewhere": await uploader.send("PUT", bench.public(), content=CONTENT),
        "copy an original": await uploader.send("PUT", bench.incoming(), headers={COPY: folder + original}),
        "copy an upload": await uploader.send("PUT", bench.incoming(), headers={COPY: folder + own}),
        DELETE: await uploader.send("DELETE", own),
    }
    return [what for what, answer in answers.items() if not answer.is_client_error]


def _without(bench: Bench) -> list[Finding]:
    """Say what protects where uploads are signed with the credentials that may do everything."""
    profile = bench.address.profile
    seen = "uploads are signed with the credentials that read, write and delete everything"
    if profile.refuses_unsigned or profile.signs_absence:
        return fine(NAME, f"{seen}; with profile {profile.name} their URLs take no headers but those that were signed")
    return warning(
        NAME,
        f"{seen}, and of profile {profile.name} it is not known that it refuses all headers that were not signed",
        "Sign them with credentials that can do nothing else (SAFELIGHT_UPLOAD_ACCESS_KEY_ID), where the provider has "
        f"such: {THEIR_POLICY}",
    )
