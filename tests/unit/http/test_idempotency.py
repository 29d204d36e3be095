"""A POST that comes again with its Idempotency-Key is answered as the first time, and does nothing more."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from credentials import bearer, by_user, keep_key
from safelight.adapters.seal import KeyringSeal
from safelight.domain.answer import Question
from safelight.domain.errors import Busy, StorageFailed
from safelight.domain.image import State
from safelight.domain.kind import MAX_RENDITIONS
from safelight.domain.tokens import Keyring, Purpose
from safelight.domain.who import ApiKeyId
from safelight.http.api import ROUTES
from safelight.http.asgi import Message, Send
from safelight.http.idempotency import CLAIM_LASTS, MOST_KEPT_BYTES, once
from safelight.http.parts import Parts
from safelight.ports.snapshot import AuditFilter, ImageFilter
from safelight.testing.fakes import UsersAtTheirWord
from safelight.testing.samples import rendition

Answer = httpx.Response
Post = Callable[..., Awaitable[Answer]]

OTHER_KEY_ID = ApiKeyId("b" * 32)
AVATAR = {"kind": "avatar", "filename": "me.jpg", "size": 19, "content_type": "image/jpeg"}
OLD = Keyring({"a": b"a" * 32}, "a")
BOTH = Keyring(OLD.keys | {"b": b"b" * 32}, "b")
NEW = Keyring({"b": b"b" * 32}, "b")

POSTS = [cast("str", path) for route in ROUTES for path in route.paths if "POST" in route.http_methods]


@dataclass(frozen=True)
class Call:
    """How to call a route so that it does something: with this body, of an image in this state."""

    body: Any = None
    state: State = State.READY


CALLS = {
    "/v1/images": Call(AVATAR),
    "/v1/images/{image_id:str}/upload": Call({}, State.REQUESTED),
    "/v1/images/{image_id:str}/confirm": Call(state=State.REQUESTED),
    "/v1/images/{image_id:str}/reprocess": Call(state=State.FAILED),
    "/v1/images/{image_id:str}/review": Call({"verdict": "approve"}, State.HELD),
    "/v1/images/{image_id:str}/tokens": Call(),
    "/v1/owners/{owner_id:str}/block": Call(),
    "/v1/owners/{owner_id:str}/unblock": Call(),
    "/v1/images/{image_id:str}/parts": Call({"numbers": [1]}, State.REQUESTED),
    "/v1/urls": Call({"ids": [f"{99:032x}"], "variants": ["thumb"]}),
}


@dataclass
class Rings:
    """A keyring that can be changed, and that cannot be read while something is the `matter`."""

    ring: Keyring = OLD
    matter: Exception | None = None

    def current(self) -> Keyring:
        if self.matter is not None:
            raise self.matter
        return self.ring


@pytest.fixture
def rings() -> Rings:
    return Rings()


@pytest.fixture
def parts(parts: Parts, rings: Rings) -> Parts:
    return replace(parts, seal=KeyringSeal(rings.current), identities=UsersAtTheirWord())


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """The file in which the records are."""
    with closing(sqlite3.connect(tmp_path / "records.db", isolation_level=None)) as database:
        yield database


@pytest.fixture
async def post(call: httpx.AsyncClient, stage: Any) -> Post:
    """Posts as the application, or as whoever else is named."""
    our_key = await keep_key(stage)

    async def post(path: str, body: Any = None, *, key: str | None = "key-1", credential: str | None = None) -> Answer:
        shown = credential or our_key
        headers = bearer(shown) | ({"idempotency-key": key} if key else {})
        return await call.post(path, json=body, headers=headers)

    return post


async def audited(stage: Any) -> int:
    """Return how many events tell of what was done."""
    async with stage.records.reading() as snapshot:
        return len(await snapshot.audit_log(AuditFilter(), after=None, limit=1000))


async def images(stage: Any) -> int:
    async with stage.records.reading() as snapshot:
        return len(await snapshot.page(ImageFilter(), after=None, limit=1000))


def code(answer: Answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def said(answer: Answer) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """Return all of an answer but what names this very request."""
    its_own = {b"x-request-id", b"idempotency-replayed"}
    return answer.status_code, answer.content, [one for one in answer.headers.raw if one[0].lower() not in its_own]


async def test_the_answer_is_given_again_byte_for_byte(stage: Any, post: Post) -> None:
    first = await post("/v1/images", AVATAR)
    stage.clock.advance(timedelta(hours=23))
    again = await post("/v1/images", AVATAR)

    assert first.status_code == 201
    assert said(again) == said(first)
    assert await images(stage) == 1


async def test_an_answer_says_whether_it_was_given_before(post: Post) -> None:
    first = await post("/v1/images", AVATAR)
    again = await post("/v1/images", AVATAR)

    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]


@pytest.mark.parametrize("path", POSTS)
async def test_every_post_knows_the_key_of_another(post: Post, path: str) -> None:
    """Whatever a route does with its body: a key that was used elsewhere is refused before."""
    await post("/v1/images", AVATAR)

    refused = await post(path.replace("{image_id:str}", "f" * 32), {"another": "body"})

    assert code(refused) == (409, "idempotency_key_reused")


def test_every_post_is_called_below() -> None:
    assert set(CALLS) == set(POSTS), "say in CALLS how to call the new route, so that it is seen to act once"


@pytest.mark.parametrize("path", sorted(CALLS))
async def test_every_post_acts_once(stage: Any, post: Post, path: str) -> None:
    """The second time there would often be another answer: another token's time, another state, a refusal."""
    call = CALLS[path]
    image = await stage.image_in(call.state, 99, kind="avatar", multipart_id="upload-99")
    stage.upload(image)
    url = path.replace("{image_id:str}", image.id).replace("{owner_id:str}", "42")

    first = await post(url, call.body)
    before = await audited(stage)
    stage.clock.advance(timedelta(minutes=10))
    again = await post(url, call.body)

    assert first.is_success, first.text
    assert said(again) == said(first)
    assert again.headers["idempotency-replayed"] == "true"
    assert await audited(stage) == before


async def test_without_a_key_every_post_counts(stage: Any, post: Post) -> None:
    for _ in range(2):
        await post("/v1/images", AVATAR, key=None)

    assert await images(stage) == 2


async def test_of_fifty_at_once_one_acts(stage: Any, post: Post) -> None:
    answers = await asyncio.gather(*(post("/v1/images", AVATAR) for _ in range(50)))

    assert await images(stage) == 1
    created = [answer for answer in answers if answer.status_code == 201]
    assert {answer.content for answer in created} == {created[0].content}
    others = [answer for answer in answers if answer not in created]
    assert {code(answer) for answer in others} <= {(409, "idempotency_in_progress")}
    assert {answer.headers["retry-after"] for answer in others} <= {"1"}


async def test_a_call_that_is_being_answered_is_not_made_again(
    stage: Any, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first call waits for room on the disk to be looked at, until the second was refused."""
    looked, may_go_on = asyncio.Event(), asyncio.Event()

    async def free_bytes() -> int | None:
        looked.set()
        await may_go_on.wait()
        return None

    monkeypatch.setattr(stage.objects, "free_bytes", free_bytes)
    first = asyncio.create_task(post("/v1/images", AVATAR))
    await looked.wait()
    second = await post("/v1/images", AVATAR)
    may_go_on.set()

    assert code(second) == (409, "idempotency_in_progress")
    assert second.json()["retryable"]
    assert second.headers["retry-after"] == "1"
    assert (await first).status_code == 201
    assert (await post("/v1/images", AVATAR)).content == (await first).content


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/images", AVATAR | {"size": 20}),
        ("/v1/images?x=1", AVATAR),
        (f"/v1/images/{'f' * 32}/confirm", AVATAR),
    ],
)
async def test_a_key_is_good_for_one_request(stage: Any, post: Post, path: str, body: Any) -> None:
    await post("/v1/images", AVATAR)

    refused = await post(path, body)

    assert code(refused) == (409, "idempotency_key_reused")
    assert await images(stage) == 1


async def test_tokens_in_the_query_do_not_count(post: Post) -> None:
    first = await post("/v1/images?read_token=one&x=1", AVATAR)
    again = await post("/v1/images?x=1&read_token=another", AVATAR)

    assert again.content == first.content


async def test_the_same_key_of_another_caller_is_another(stage: Any, post: Post) -> None:
    other = await keep_key(stage, key_id=OTHER_KEY_ID)

    first = await post("/v1/images", AVATAR)
    second = await post("/v1/images", AVATAR, credential=other)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


async def test_what_a_write_token_was_answered_is_nothing_for_a_read_token(stage: Any, post: Post) -> None:
    image = await stage.image_in(State.REQUESTED)
    path = f"/v1/images/{image.id}/upload"
    write, read = (stage.tokens.image_token(purpose, image.id, 0) for purpose in (Purpose.WRITE, Purpose.READ))

    first = await post(path, {}, credential=write)
    again = await post(path, {}, credential=write)
    other = await post(path, {}, credential=read)

    assert (first.status_code, again.content) == (200, first.content)
    assert code(other) == (403, "token_invalid")


async def test_a_token_that_is_forged_or_revoked_is_answered_nothing_from_before(stage: Any, post: Post) -> None:
    image = await stage.image_in(State.REQUESTED)
    path = f"/v1/images/{image.id}/upload"
    write = stage.tokens.image_token(Purpose.WRITE, image.id, 0)
    await post(path, {}, credential=write)

    forged = await post(path, {}, credential=write[:-2] + ("AA" if write[-2:] != "AA" else "BB"))
    async with stage.records.transaction() as tx:
        await tx.revoke_tokens(image.id)
    revoked = await post(path, {}, credential=write)

    assert code(forged) == code(revoked) == (403, "token_invalid")


async def test_who_asks_with_a_key_is_found_out_once(call: httpx.AsyncClient, parts: Parts, stage: Any) -> None:
    image = await stage.image_in(State.READY, owner="42")
    headers = by_user("42") | {"idempotency-key": "key-1"}

    answer = await call.post(f"/v1/images/{image.id}/tokens", headers=headers)

    assert answer.status_code == 200
    assert cast("UsersAtTheirWord", parts.identities).asked == 1


async def test_a_key_without_a_caller_is_refused_by_the_route(
    call: httpx.AsyncClient, database: sqlite3.Connection
) -> None:
    refused = await call.post("/v1/images", json=AVATAR, headers={"idempotency-key": "key-1"})

    assert code(refused) == (401, "not_authenticated")
    assert database.execute("SELECT * FROM answer").fetchall() == []


async def test_a_refusal_is_not_kept(stage: Any, post: Post) -> None:
    """What stood in the way may be gone by the next try, which has the same key."""
    image = await stage.image_in(State.REQUESTED)
    path = f"/v1/images/{image.id}/confirm"

    refused = await post(path)
    stage.upload(image)
    confirmed = await post(path)

    assert code(refused) == (409, "nothing_uploaded")
    assert confirmed.status_code == 202


@pytest.mark.parametrize(("over", "kept"), [(0, True), (1, False)])
async def test_neither_is_a_page_that_would_fill_the_disk(
    parts: Parts, database: sqlite3.Connection, over: int, *, kept: bool
) -> None:
    answers: list[bytes] = []

    async def act(send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"u" * (MOST_KEPT_BYTES + over)})

    async def send(message: Message) -> None:
        answers.append(message.get("body", b""))

    await once(Question("user:42", "key-1", "d" * 64), act, send, parts)

    assert len(b"".join(answers)) == MOST_KEPT_BYTES + over
    assert database.execute("SELECT count(*) FROM answer").fetchall() == [(int(kept),)]


async def test_every_image_is_reported_shortly_enough_to_be_kept(stage: Any, post: Post) -> None:
    """Else a repeated CONFIRM or review could act twice."""
    image = await stage.image_in(State.PROCESSING, 99, kind="avatar", filename="\N{ARTIST PALETTE}" * 63)
    async with stage.records.transaction() as tx:
        for width in range(MAX_RENDITIONS):
            one = rendition(image.id, "a-variant-with-quite-a-long-name-for-an-address", width=10_000 + width)
            await tx.add_rendition(one, attempt=1)
        await tx.move(image.id, was=State.PROCESSING, now=State.READY)

    answer = await post(f"/v1/images/{image.id}/confirm")

    assert answer.json()["filename"]
    assert len(answer.json()["variants"].popitem()[1]["renditions"]) == MAX_RENDITIONS
    assert len(answer.content) < MOST_KEPT_BYTES / 2


async def test_neither_is_a_failure_of_ours(stage: Any, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken() -> int | None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(stage.objects, "free_bytes", broken)
        failed = await post("/v1/images", AVATAR)
    again = await post("/v1/images", AVATAR)

    assert code(failed) == (500, "internal_error")
    assert again.status_code == 201


async def test_a_call_that_is_cut_off_leaves_its_key_free(
    stage: Any, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is when a process is stopped that cannot end it in time: whoever is asked next begins at once."""
    looked = asyncio.Event()

    async def free_bytes() -> int | None:
        looked.set()
        return await asyncio.Event().wait()  # type: ignore[func-returns-value]  # for ever

    with monkeypatch.context() as patch:
        patch.setattr(stage.objects, "free_bytes", free_bytes)
        cut_off = asyncio.create_task(post("/v1/images", AVATAR))
        await looked.wait()
        cut_off.cancel()
        await asyncio.wait([cut_off])

    assert (await post("/v1/images", AVATAR)).status_code == 201


async def test_a_claim_that_nobody_answers_runs_out(stage: Any, post: Post, database: sqlite3.Connection) -> None:
    """Its process was killed. Until the claim ends nobody can know that."""
    await post("/v1/images", AVATAR)
    database.execute("UPDATE answer SET sealed = NULL")

    before = await post("/v1/images", AVATAR)
    stage.clock.advance(CLAIM_LASTS)
    after = await post("/v1/images", AVATAR)

    assert code(before) == (409, "idempotency_in_progress")
    assert after.status_code == 201


async def test_five_tries_last_until_a_claim_ends_that_nobody_answers(
    stage: Any, post: Post, database: sqlite3.Connection
) -> None:
    """As many as the Python client makes, each when it is told to."""
    await post("/v1/images", AVATAR)
    database.execute("UPDATE answer SET sealed = NULL")

    waits = []
    while (answer := await post("/v1/images", AVATAR)).status_code == 409:
        waits.append(int(answer.headers["retry-after"]))
        stage.clock.advance(timedelta(seconds=waits[-1]))

    assert waits == [1, 3, 12, 44]
    assert answer.status_code == 201


async def test_an_answer_is_kept_for_as_long_as_the_setting_says(stage: Any, post: Post) -> None:
    first = await post("/v1/images", AVATAR)
    stage.clock.advance(timedelta(days=1))
    later = await post("/v1/images", AVATAR)

    assert later.status_code == 201
    assert later.json()["id"] != first.json()["id"]


@pytest.mark.parametrize("key", ["", "a b", "\x7f", "k" * 256])
async def test_a_key_has_1_to_255_visible_characters(stage: Any, call: httpx.AsyncClient, key: str) -> None:
    headers = {"idempotency-key": key, "authorization": f"Bearer {await keep_key(stage, key_id=OTHER_KEY_ID)}"}

    refused = await call.post("/v1/images", json=AVATAR, headers=headers)

    assert code(refused) == (422, "request_invalid")
    assert await images(stage) == 0


async def test_two_keys_are_refused(stage: Any, call: httpx.AsyncClient) -> None:
    shown = ("authorization", f"Bearer {await keep_key(stage, key_id=OTHER_KEY_ID)}")

    refused = await call.post(
        "/v1/images", json=AVATAR, headers=[shown, ("idempotency-key", "a"), ("idempotency-key", "a")]
    )

    assert code(refused) == (422, "request_invalid")


async def test_a_key_on_other_methods_means_nothing(call: httpx.AsyncClient) -> None:
    assert (await call.get("/v1/kinds", headers={"idempotency-key": "not valid"})).status_code == 200


async def test_no_secret_of_an_answer_lies_in_the_database(post: Post, database: sqlite3.Connection) -> None:
    requested = (await post("/v1/images", AVATAR)).json()

    ((sealed,),) = database.execute("SELECT sealed FROM answer").fetchall()
    for secret in (requested["write_token"], requested["read_token"], requested["upload"]["url"], requested["id"]):
        assert secret.encode() not in sealed


async def test_an_answer_outlives_the_rotation_of_its_key_and_not_its_end(stage: Any, post: Post, rings: Rings) -> None:
    """To act again would be worse than to say that nothing is known."""
    first = await post("/v1/images", AVATAR)

    rings.ring = BOTH
    rotated = await post("/v1/images", AVATAR)
    rings.ring = NEW
    retired = await post("/v1/images", AVATAR)

    assert rotated.content == first.content
    assert code(retired) == (409, "idempotency_key_reused")
    assert await images(stage) == 1


@pytest.mark.parametrize("matter", [StorageFailed("no more room"), Busy()])
async def test_what_was_done_is_answered_though_it_cannot_be_kept(
    stage: Any, post: Post, rings: Rings, matter: Exception
) -> None:
    """The caller has an image all the same, and must hear of it. Another try is told to wait, until the claim ends."""
    rings.matter = matter

    answer = await post("/v1/images", AVATAR)
    again = await post("/v1/images", AVATAR)

    assert answer.status_code == 201
    assert code(again) == (409, "idempotency_in_progress")
    assert await images(stage) == 1
