"""Who may do what: every route, asked by everybody.

One line of MATRIX is one route with one image behind it, one column a caller, and each cell the status of the answer.
The image is of user 42, protected, and of a kind whose rules let user 42 upload and a friend view.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from credentials import bearer
from safelight.adapters.jwt.identities import Expected, JwtIdentities, SecretKey
from safelight.domain import api_keys, keys
from safelight.domain.image import Attachment, Image, ImageId, State
from safelight.domain.kind import Kind, Kinds
from safelight.domain.tokens import Purpose
from safelight.domain.variant import cover
from safelight.domain.who import ApiKey, ApiKeyId, Scope
from safelight.http.api import ROUTES
from safelight.http.callers import WHO, By
from safelight.http.parts import Parts
from safelight.ports.records import Changes
from safelight.testing.samples import VERIFIED, rendition

MATRIX = """
                                              |        | nobody stranger owner friend | admin uploader reader manager | read write others-read others-write | expired-jwt expired-key revoked-key revoked-read revoked-write forged
POST   /v1/images                             | none   | 401 403 201 403 | 201 201 403 403 | 401 401 401 401 | 401 401 401 401 401 401
POST   /v1/images/{id}/upload                 | coming | 401 404 200 404 | 200 200 403 403 | 403 200 404 404 | 401 401 401 403 403 403
POST   /v1/images/{id}/confirm                | coming | 401 404 202 404 | 202 202 403 403 | 403 202 404 404 | 401 401 401 403 403 403
POST   /v1/images/{id}/confirm                | ready  | 401 404 202 404 | 202 202 403 403 | 403 202 404 404 | 401 401 401 403 403 403
POST   /v1/images/{id}/parts                  | coming | 401 404 200 404 | 200 200 403 403 | 403 200 404 404 | 401 401 401 403 403 403
POST   /v1/images/{id}/parts                  | ready  | 401 404 409 404 | 409 409 403 403 | 403 403 404 404 | 401 401 401 403 403 403
GET    /v1/images/{id}/parts                  | coming | 401 404 200 404 | 200 200 403 403 | 403 200 404 404 | 401 401 401 403 403 403
GET    /v1/images/{id}/parts                  | ready  | 401 404 409 404 | 409 409 403 403 | 403 403 404 404 | 401 401 401 403 403 403
POST   /v1/images/{id}/upload                 | ready  | 401 404 409 404 | 409 409 403 403 | 403 403 404 404 | 401 401 401 403 403 403
GET    /v1/images/{id}                        | coming | 401 404 200 200 | 200 403 200 403 | 200 200 404 404 | 401 401 401 403 403 403
GET    /v1/images/{id}                        | ready  | 401 404 200 200 | 200 403 200 403 | 200 403 404 404 | 401 401 401 403 403 403
GET    /v1/images/{id}                        | gone   | 401 404 200 200 | 200 403 200 403 | 200 403 404 404 | 401 401 401 403 403 403
GET    /v1/images/{id}                        | none   | 401 404 404 404 | 404 403 404 403 | 403 403 404 404 | 401 401 401 403 403 403
GET    /v1/images/{id}/events                 | held   | 401 404 200 200 | 200 403 200 403 | 200 200 404 404 | 401 401 401 403 403 403
GET    /v1/images/{id}/events                 | ready  | 401 404 200 200 | 200 403 200 403 | 200 403 404 404 | 401 401 401 403 403 403
GET    /v1/images/{id}/variants/{variant}     | ready  | 401 404 302 302 | 302 403 302 403 | 302 403 404 404 | 401 401 401 403 403 403
GET    /v1/images/{id}/variants/{variant}     | public | 302 302 302 302 | 302 302 302 302 | 302 302 302 302 | 302 302 302 302 302 302
GET    /v1/images/{id}/variants/{variant}     | held   | 401 404 404 404 | 302 403 302 403 | 404 403 404 404 | 401 401 401 403 403 403
GET    /v1/images/{id}/variants/{variant}     | none   | 401 404 404 404 | 404 403 404 403 | 403 403 404 404 | 401 401 401 403 403 403
POST   /v1/urls                               | ready  | 401 200 200 200 | 200 403 200 403 | 401 401 401 401 | 401 401 401 401 401 401
GET    /v1/images                             | ready  | 401 403 403 403 | 200 403 200 403 | 401 401 401 401 | 401 401 401 401 401 401
DELETE /v1/images/{id}                        | coming | 401 404 204 404 | 204 403 403 204 | 403 204 404 404 | 401 401 401 403 403 403
DELETE /v1/images/{id}                        | ready  | 401 404 403 404 | 204 403 403 204 | 403 403 404 404 | 401 401 401 403 403 403
POST   /v1/images/{id}/reprocess              | ready  | 401 403 403 403 | 202 403 403 202 | 401 401 401 401 | 401 401 401 401 401 401
POST   /v1/images/{id}/review                 | held   | 401 403 403 403 | 200 403 403 200 | 401 401 401 401 | 401 401 401 401 401 401
PUT    /v1/images/{id}/visibility             | ready  | 401 403 403 403 | 200 403 403 200 | 401 401 401 401 | 401 401 401 401 401 401
POST   /v1/images/{id}/tokens                 | ready  | 401 404 200 200 | 200 403 200 403 | 403 403 403 403 | 401 401 401 403 403 403
DELETE /v1/images/{id}/tokens                 | ready  | 401 404 204 404 | 204 403 403 204 | 403 403 403 403 | 401 401 401 403 403 403
PUT    /v1/records/{type}/{record}/{kind}     | ready  | 401 404 200 404 | 200 200 403 403 | 401 401 401 401 | 401 401 401 401 401 401
GET    /v1/records/{type}/{record}/{kind}     | ready  | 401 200 200 200 | 200 403 200 403 | 401 401 401 401 | 401 401 401 401 401 401
GET    /v1/records/{type}/{record}            | ready  | 401 200 200 200 | 200 403 200 403 | 401 401 401 401 | 401 401 401 401 401 401
DELETE /v1/records/{type}/{record}            | ready  | 401 403 403 403 | 200 403 403 200 | 401 401 401 401 | 401 401 401 401 401 401
GET    /v1/owners/{owner}                     | ready  | 401 403 403 403 | 200 403 403 200 | 401 401 401 401 | 401 401 401 401 401 401
POST   /v1/owners/{owner}/block               | ready  | 401 403 403 403 | 200 403 403 200 | 401 401 401 401 | 401 401 401 401 401 401
POST   /v1/owners/{owner}/unblock             | ready  | 401 403 403 403 | 200 403 403 200 | 401 401 401 401 | 401 401 401 401 401 401
DELETE /v1/owners/{owner}                     | ready  | 401 403 403 403 | 200 403 403 200 | 401 401 401 401 | 401 401 401 401 401 401
GET    /v1/kinds                              | none   | 200 200 200 200 | 200 200 200 200 | 200 200 200 200 | 200 200 200 200 200 200
GET    /v1/kinds/{kind}                       | none   | 200 200 200 200 | 200 200 200 200 | 200 200 200 200 | 200 200 200 200 200 200
GET    /healthz                               | none   | 200 200 200 200 | 200 200 200 200 | 200 200 200 200 | 200 200 200 200 200 200
GET    /readyz                                | none   | 200 200 200 200 | 200 200 200 200 | 200 200 200 200 | 200 200 200 200 200 200
GET    /metrics                               | none   | 200 200 200 200 | 200 200 200 200 | 200 200 200 200 | 200 200 200 200 200 200
GET    /openapi.json                          | none   | 200 200 200 200 | 200 200 200 200 | 200 200 200 200 | 200 200 200 200 200 200
GET    /docs                                  | none   | 200 200 200 200 | 200 200 200 200 | 200 200 200 200 | 200 200 200 200 200 200
"""  # noqa: E501 - as wide as there are callers

SECRET = "a secret that the application shares with Safelight"
KEY_SECRET = "s" * 32
FILE = b"the bytes of a file"
MISSING = ImageId("f" * 32)
OWNER = "42"

BODIES: Mapping[str, dict[str, Any]] = {
    "POST /v1/images": {
        "kind": "diary",
        "filename": "me.jpg",
        "size": len(FILE),
        "content_type": "image/jpeg",
        "attach": {"type": "user", "id": OWNER},
    },
    "POST /v1/images/{id}/parts": {"numbers": [1]},
    "POST /v1/urls": {"ids": ["{id}"], "variants": ["thumb"]},
    "POST /v1/images/{id}/review": {"verdict": "approve"},
    "PUT /v1/images/{id}/visibility": {"public": True},
    "PUT /v1/records/{type}/{record}/{kind}": {"image_id": "{id}"},
}
"""What is sent, where something must be."""

SCOPES = {
    "admin": frozenset(Scope),
    "uploader": frozenset({Scope.UPLOAD}),
    "reader": frozenset({Scope.READ}),
    "manager": frozenset({Scope.MANAGE}),
    "expired-key": frozenset(Scope),
    "revoked-key": frozenset(Scope),
}
USERS = {"stranger": "7", "owner": OWNER, "friend": "43", "expired-jwt": OWNER}


@dataclass(frozen=True, slots=True)
class Cell:
    """What one caller is answered by one route, with an image in that state behind it."""

    route: str
    state: str
    caller: str
    status: int

    def __str__(self) -> str:
        return f"{self.route} {self.state} {self.caller}"


def cells() -> Iterator[Cell]:
    """Yield every cell of the matrix."""
    heading, *rows = MATRIX.strip("\n").splitlines()
    callers = heading.replace("|", " ").split()
    for row in rows:
        route, state, *statuses = row.split("|")
        for caller, status in zip(callers, " ".join(statuses).split(), strict=True):
            yield Cell(" ".join(route.split()), state.strip(), caller, int(status))


CELLS = list(cells())


def plain(path: str) -> str:
    """Return a path as the matrix writes it."""
    return re.sub(r"\{(?:(image|record|owner)_)?(\w+):str\}", _shorter, path)


def _shorter(named: re.Match[str]) -> str:
    """Return the word for a parameter: `id` alone is that of an image."""
    whose, what = named.groups()
    return "{%s}" % (what if what != "id" or whose == "image" else whose)


DECLARED: Mapping[str, tuple[By, ...]] = {
    f"{method} {plain(path)}": route.opt[WHO]
    for route in ROUTES
    for method in route.http_methods
    for path in route.paths
}
"""Every route, and by what its reference says that it may be called."""


@pytest.fixture
def parts(stage: Any, parts: Parts) -> Parts:
    """An API that knows users by their JWTs. A diary is its owner's, and shown to a friend."""
    stage.kinds = Kinds(
        [
            Kind(
                "diary",
                variants={"thumb": cover(96, 96)},
                may_upload=lambda who, target: target == Attachment("user", str(who.id)),
                may_view=lambda who, _image: who.id == USERS["friend"],
            ),
        ]
    )
    expected = Expected(algorithms=("HS256",), issuer=None, audience=None, leeway=timedelta(0))
    identities = JwtIdentities(SecretKey(SECRET), expected, stage.clock)
    return replace(parts, identities=identities, rules=replace(parts.rules, kinds=stage.kinds))


async def the_image(stage: Any, state: str) -> ImageId:
    """Return the image of user 42, in that state."""
    if state == "none":
        return MISSING
    whose: dict[str, Any] = {"kind": "diary", "owner": OWNER, "attached_to": Attachment("user", OWNER)}
    more = {"hidden": state == "held", "public": state == "public"}
    if state == "coming":
        image: Image = await stage.image_in(State.REQUESTED, multipart_id="upload-99", **whose, **more)
        stage.upload(image, content=FILE)
        return image.id
    image = await stage.image_in(State.PROCESSING, **whose, **more)
    await finish(stage, image, {"held": State.HELD, "gone": State.DELETED}.get(state, State.READY))
    return image.id


async def finish(stage: Any, image: Image, state: State) -> None:
    """Let everything of the image be stored, and the image come to its end."""
    thumb = rendition(image.id)
    stage.objects.keep(keys.rendition(thumb, public=image.public), b"pixels")
    stage.objects.keep(keys.original(image.id), FILE)
    async with stage.records.transaction() as tx:
        await tx.note_verified(image.id, attempt=1, verified=VERIFIED, look=None)
        await tx.add_rendition(thumb, attempt=1)
        await tx.move(image.id, was=State.PROCESSING, now=state, changes=Changes(original_kept=True))


async def credential(stage: Any, caller: str, image_id: ImageId) -> str | None:
    """Return what a caller shows."""
    if caller == "nobody":
        return None
    if caller in USERS:
        return signed(stage, USERS[caller], expired=caller.startswith("expired"))
    if caller in SCOPES:
        return await api_key(stage, caller)
    return await token(stage, caller, image_id)


def signed(stage: Any, user: str, *, expired: bool) -> str:
    ends = stage.clock.now() + timedelta(seconds=-1 if expired else 60)
    return jwt.encode({"alg": "HS256"}, {"sub": user, "exp": int(ends.timestamp())}, OctKey.import_key(SECRET))


async def api_key(stage: Any, caller: str) -> str:
    key_id, now = ApiKeyId("a" * 32), stage.clock.now()
    key = ApiKey(
        key_id,
        caller,
        api_keys.digest(KEY_SECRET),
        SCOPES[caller],
        now - timedelta(days=1),
        revoked_at=now if caller.startswith("revoked") else None,
        expires_at=now if caller.startswith("expired") else None,
    )
    async with stage.records.transaction() as tx:
        await tx.add_api_key(key)
    return api_keys.write(key_id, KEY_SECRET)


async def token(stage: Any, caller: str, image_id: ImageId) -> str:
    """Return a token: of this image or of another, revoked or forged."""
    purpose = Purpose.WRITE if caller.endswith("write") else Purpose.READ
    if caller.startswith("others"):
        other = await stage.image_in(State.REQUESTED, 9, kind="diary", owner="7")
        return str(stage.tokens.image_token(purpose, other.id, 0))
    made = str(stage.tokens.image_token(purpose, image_id, 0))
    if caller.startswith("revoked") and image_id != MISSING:
        async with stage.records.transaction() as tx:
            await tx.revoke_tokens(image_id)
    return made[:-4] + "AAAA" if caller == "forged" else made


@pytest.mark.parametrize("cell", CELLS, ids=str)
async def test_everybody_may_what_the_matrix_says(call: httpx.AsyncClient, stage: Any, cell: Cell):
    image_id = await the_image(stage, cell.state)
    shown = await credential(stage, cell.caller, image_id)
    method, path = cell.route.split(" ")
    body = json.loads(json.dumps(BODIES.get(cell.route, {})).replace("{id}", image_id))

    answer = await call.request(
        method,
        path.format(id=image_id, variant="thumb", kind="diary", type="user", record=OWNER, owner=OWNER),
        json=body or None,
        headers=bearer(shown) if shown else {},
    )

    assert answer.status_code == cell.status, answer.text
    if cell.status >= 400:
        assert answer.json()["code"]


@pytest.mark.parametrize("caller", ["stranger", "owner", "friend", "admin", "reader"])
async def test_the_urls_of_a_page_are_those_of_what_its_caller_may_see(
    call: httpx.AsyncClient, stage: Any, caller: str
):
    image_id = await the_image(stage, "ready")
    shown = await credential(stage, caller, image_id)

    answer = await call.post("/v1/urls", json={"ids": [image_id], "variants": ["thumb"]}, headers=bearer(shown))

    assert list(answer.json()["images"]) == ([] if caller == "stranger" else [image_id])


def test_every_route_is_in_the_matrix():
    assert set(DECLARED) == {cell.route for cell in CELLS}


@pytest.mark.parametrize(
    ("caller", "by"),
    [
        ("nobody", {By.ANYBODY, By.PUBLIC}),
        ("stranger", {By.ANYBODY, By.PUBLIC, By.USER}),
        ("owner", {By.ANYBODY, By.PUBLIC, By.USER, By.OWNER, By.UPLOADER}),
        ("friend", {By.ANYBODY, By.PUBLIC, By.USER, By.VIEWER}),
        ("uploader", {By.ANYBODY, By.PUBLIC, By.UPLOAD_KEY}),
        ("reader", {By.ANYBODY, By.PUBLIC, By.READ_KEY}),
        ("manager", {By.ANYBODY, By.PUBLIC, By.MANAGE_KEY}),
        ("read", {By.ANYBODY, By.PUBLIC, By.READ_TOKEN}),
        ("write", {By.ANYBODY, By.PUBLIC, By.WRITE_TOKEN}),
    ],
)
def test_what_the_reference_says_of_callers_is_what_they_are_answered(caller: str, by: set[By]):
    let_in = {cell.route for cell in CELLS if cell.caller == caller and cell.status < 400}

    assert let_in == {route for route, declared in DECLARED.items() if by & set(declared)}


@pytest.mark.parametrize(
    "caller", ["expired-jwt", "expired-key", "revoked-key", "revoked-read", "revoked-write", "forged"]
)
def test_what_has_ended_opens_nothing_that_is_not_open_to_anybody(caller: str):
    open_to_all = {(cell.route, cell.state) for cell in CELLS if cell.caller == "nobody" and cell.status < 400}

    assert open_to_all == {(cell.route, cell.state) for cell in CELLS if cell.caller == caller and cell.status < 400}
