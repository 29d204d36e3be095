"""Delivery: conditions, ranges and headers of what is stored."""

import json
from datetime import timedelta
from typing import Any

import pytest

from safelight.domain.keys import Key

FOLDER = "0190aaaabbbbccccddddeeeeffff0123"
THUMB = f"{FOLDER}/thumb-0123456789abcdef-96.jpg"
PUBLIC = Key(f"public/{THUMB}")
PRIVATE = Key(f"private/{THUMB}")
ORIGINAL = Key(f"private/{FOLDER}/original")
TEN = b"0123456789"


@pytest.fixture
def stored(client: Any) -> Any:
    for key in (PUBLIC, PRIVATE, ORIGINAL):
        client.store.keep(key, TEN)
    return client


def signed(client: Any, key: Key) -> str:
    return str(client.signer.sign_download(key, expires_at=client.noon + timedelta(seconds=90)))


async def test_a_public_rendition_is_shown_to_anyone_and_kept_for_good(stored: Any):
    answer = await stored("GET", stored.signer.public_url(PUBLIC))

    assert (answer.status, answer.body) == (200, TEN)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-length"] == "10"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-disposition"] == 'inline; filename="thumb-0123456789abcdef-96.jpg"'


async def test_a_signed_rendition_is_kept_no_longer_than_its_url_is_good(stored: Any):
    answer = await stored("GET", signed(stored, PRIVATE))

    assert (answer.status, answer.body) == (200, TEN)
    assert answer.headers["cache-control"] == "private, max-age=90"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in answer.headers


async def test_an_original_is_a_download_of_octets(stored: Any):
    answer = await stored("GET", signed(stored, ORIGINAL))

    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == 'attachment; filename="original"'


async def test_a_download_can_be_given_a_name(stored: Any):
    answer = await stored("GET", stored.signer.public_url(PUBLIC) + "?download=K%C3%A4se%0D%0AX%3A+1.jpg")

    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"K_seX: 1.jpg\"; filename*=UTF-8''K%C3%A4seX%3A%201.jpg"
    )


CHANGES = {
    "no token": lambda url: url.partition("?")[0],
    "longer": lambda url: url + "x",
    "another key": lambda url: url.replace("thumb", "other"),
    "twice": lambda url: url + "&" + url.partition("?")[2],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_private_object_needs_its_own_url(stored: Any, change: Any):
    answer = await stored("GET", change(signed(stored, PRIVATE)))

    assert answer.status == 403
    assert TEN not in answer.body


async def test_what_is_not_there_is_not_found(client: Any):
    answer = await client("GET", client.signer.public_url(PUBLIC))

    assert (answer.status, answer.headers["cache-control"]) == (404, "no-store")


async def test_a_head_has_the_headers_of_the_get(stored: Any):
    head = await stored("HEAD", stored.signer.public_url(PUBLIC))
    get = await stored("GET", stored.signer.public_url(PUBLIC))

    assert (head.status, head.body) == (200, b"")
    assert head.headers == get.headers


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=8-", 206, b"89", "bytes 8-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, TEN, "bytes 0-9/10"),
        ("BYTES=0-0", 206, b"0", "bytes 0-0/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=9-3", 200, TEN, None),
        ("bytes=0-1,3-4", 200, TEN, None),
        ("bytes=-", 200, TEN, None),
        ("bytes=a-b", 200, TEN, None),
        ("bytes=\u00b2-", 200, TEN, None),
        ("lines=0-3", 200, TEN, None),
        ("bytes=" + "9" * 5000 + "-", 200, TEN, None),
    ],
)
async def test_one_range_is_sent_alone(
    stored: Any, asked: str, status: int, body: bytes | None, content_range: str | None
):
    answer = await stored("GET", stored.signer.public_url(PUBLIC), headers={"range": asked})

    assert answer.status == status
    assert body is None or answer.body == body
    assert answer.headers.get("content-range") == content_range
    assert int(answer.headers["content-length"]) == len(answer.body)


async def test_a_large_object_is_sent_whole_in_pieces(client: Any):
    content = bytes(range(256)) * 4096
    client.store.keep(PUBLIC, content)

    whole = await client("GET", client.signer.public_url(PUBLIC))
    part = await client("GET", client.signer.public_url(PUBLIC), headers={"range": "bytes=100000-900000"})

    assert whole.body == content
    assert part.body == content[100_000:900_001]


async def test_what_the_client_has_already_is_not_sent_again(stored: Any):
    url = stored.signer.public_url(PUBLIC)
    first = await stored("GET", url)
    etag, modified = first.headers["etag"], first.headers["last-modified"]

    answers = [
        await stored("GET", url, headers=headers)
        for headers in (
            {"if-none-match": etag},
            {"if-none-match": f'"other", W/{etag}'},
            {"if-none-match": "*"},
            {"if-modified-since": modified},
        )
    ]

    assert [(answer.status, answer.body) for answer in answers] == [(304, b"")] * 4
    assert answers[0].headers["etag"] == etag
    assert answers[0].headers["cache-control"] == first.headers["cache-control"]


@pytest.mark.parametrize(
    "headers",
    [
        {"if-none-match": '"other"'},
        {"if-none-match": '"other"', "if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"},
        {"if-modified-since": "Fri, 01 Jan 2010 00:00:00 GMT"},
        {"if-modified-since": "whenever"},
        {"if-modified-since": "Fri, 99 Jan 2010 99:00:00 GMT"},
    ],
)
async def test_what_has_changed_is_sent(stored: Any, headers: dict[str, str]):
    answer = await stored("GET", stored.signer.public_url(PUBLIC), headers=headers)

    assert (answer.status, answer.body) == (200, TEN)


async def test_a_range_of_another_object_is_not_sent(stored: Any):
    url = stored.signer.public_url(PUBLIC)
    first = await stored("GET", url)
    same = [first.headers["etag"], first.headers["last-modified"]]
    other = ['"other"', f"W/{first.headers['etag']}", "Fri, 01 Jan 2010 00:00:00 GMT", "whenever"]

    answered = [
        (await stored("GET", url, headers={"range": "bytes=0-3", "if-range": validator})).status
        for validator in same + other
    ]

    assert answered == [206, 206, 200, 200, 200, 200]


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
async def test_nothing_stored_can_be_changed_here(stored: Any, method: str):
    answer = await stored(method, stored.signer.public_url(PUBLIC))

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_an_address_that_fetches_too_often_is_refused_whatever_it_asks_for(stored: Any):
    origin = {"origin": "https://app.example"}
    asked = [PUBLIC, PRIVATE, "public/" + "f" * 32 + "/thumb-0123456789abcdef-96.jpg"]
    before = [(await stored("GET", stored.signer.public_url(asked[number % 3]))).status for number in range(50)]

    refused = await stored("GET", stored.signer.public_url(PUBLIC), headers=origin)

    assert set(before) == {200, 403, 404}
    assert (refused.status, json.loads(refused.body)["code"]) == (429, "too_many_requests")
    assert refused.headers["retry-after"] == "60"
    assert refused.headers["ratelimit-policy"] == '"address-downloads";q=50;w=60'
    assert refused.headers["access-control-allow-origin"] == "https://app.example"
    assert "RateLimit" in refused.headers["access-control-expose-headers"]


async def test_what_is_cached_for_everybody_says_nothing_of_one_clients_rate(stored: Any):
    answer = await stored("GET", stored.signer.public_url(PUBLIC))

    assert "ratelimit" not in answer.headers


async def test_uploads_are_not_counted_as_downloads(stored: Any):
    for _ in range(60):
        refused = await stored("PUT", "/incoming/20261101/" + "f" * 32 + ".1")

        assert refused.status == 403
