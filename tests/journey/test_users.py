"""Users of the application, by JWT and against the real server: what they may is decided by the kinds' rules."""

import base64
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey
from standardwebhooks import Webhook

from credentials import bearer
from safelight.testing.server import Server
from safelight_client import Client, ImageNotFound, NotAllowed

StartServer = Callable[..., Server]

SECRET = "a secret that the application signs its JWTs with"
WEBHOOK_SECRET = "whsec_dGhlIHNlY3JldCBvZiB0aGUgdGVzdHMsIDMyIGJ5dGVz"
ISSUER, AUDIENCE = "https://id.example", "safelight"

KINDS = """
from safelight import Kind, cover

avatar = Kind(
    "avatar",
    variants={"thumb": cover(96, 96)},
    may_upload=lambda who, target: target is not None and (target.type, target.id) == ("user", who.id),
    may_view=lambda who, image: "staff" in who.claims.get("roles", ()),
)
"""

ASKING = """
from safelight import Kind, Webhook, cover

avatar = Kind("avatar", variants={{"thumb": cover(96, 96)}}, rules=Webhook("{url}"))
"""


def token_of(user: str, *, key: Key | None = None, ends_in: float = 60, **claims: Any) -> str:
    """Return a JWT: of the secret, or of a key of the provider."""
    key = key or OctKey.import_key(SECRET)
    header = {"alg": "ES256", "kid": key.kid} if isinstance(key, ECKey) else {"alg": "HS256"}
    known = {"iss": ISSUER, "aud": AUDIENCE} if isinstance(key, ECKey) else {}
    return jwt.encode(header, {"sub": user, "exp": int(time.time() + ends_in), **known, **claims}, key)


def as_user(server: Server, token: str) -> Client:
    return Client(server.url, api_key=token)


def status_of(server: Server, path: str, token: str) -> int:
    answer = httpx.get(f"{server.url}{path}", headers=bearer(token), timeout=30)
    return answer.status_code


@dataclass
class Web:
    """A server on loopback: `says` gets path and body of a request and returns status and JSON."""

    says: Callable[[str, bytes], tuple[int, Any]]
    port: int = 0
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def web(says: Callable[[str, bytes], tuple[int, Any]]) -> Iterator[Web]:
    """Run a server for the block; it is gone afterwards."""
    served = Web(says)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            served.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            status, said = served.says(self.path, body)
            answer = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST  # noqa: N815 - the name that http.server calls

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.port = server.server_port
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def kinds(tmp_path: Path) -> Callable[[str], str]:
    """Writes a kinds file, and returns where it is."""

    def write(text: str) -> str:
        file = tmp_path / "images.py"
        file.write_text(text)
        return str(file)

    return write


def test_a_user_uploads_its_own_avatar_which_others_do_not_even_hear_of(
    start_server: StartServer, kinds: Callable[[str], str], file: bytes
):
    server = start_server(kinds=kinds(KINDS), jwt_secret=SECRET, min_free_bytes="0")
    marys = token_of("mary", secret_claim="hidden claim")
    with (
        as_user(server, marys) as mary,
        as_user(server, token_of("john")) as john,
        as_user(server, token_of("ann", roles=["staff"])) as staff,
    ):
        avatar = mary.upload(file, kind="avatar", attach=("user", "mary"))

        assert mary.download(avatar.id, "thumb", format="jpeg").startswith(b"\xff\xd8")
        assert staff.get(avatar.id).id == avatar.id
        with pytest.raises(ImageNotFound):
            john.get(avatar.id)
        with pytest.raises(ImageNotFound):
            john.download(avatar.id, "thumb")
        with pytest.raises(NotAllowed):
            john.upload(file, kind="avatar", attach=("user", "mary"))
        with pytest.raises(ImageNotFound):
            staff.delete(avatar.id)
    path = f"/v1/images/{avatar.id}"
    assert status_of(server, path, token_of("mary", ends_in=-60)) == 401
    assert status_of(server, path, token_of("mary", key=OctKey.import_key(SECRET + "x"))) == 401
    for hidden in (marys, marys.rpartition(".")[2], "hidden claim", SECRET):
        assert hidden not in server.log


def test_without_settings_no_jwt_is_taken(start_server: StartServer, kinds: Callable[[str], str]):
    server = start_server(kinds=kinds(KINDS), min_free_bytes="0")

    assert status_of(server, "/v1/images", token_of("mary")) == 401


def test_the_providers_keys_are_followed_when_they_rotate_and_kept_when_it_is_down(
    start_server: StartServer, kinds: Callable[[str], str], file: bytes, eventually: Any
):
    old, new, forged = (ECKey.generate_key("P-256", {"kid": kid}) for kid in ("old", "new", "new"))
    published = [old]

    def jwks(_path: str, _body: bytes) -> tuple[int, Any]:
        return 200, {"keys": [key.as_dict(private=False) for key in published]}

    with web(jwks) as provider:
        server = start_server(
            kinds=kinds(KINDS),
            min_free_bytes="0",
            jwt_jwks_url=f"{provider.url}/jwks.json",
            jwt_issuer=ISSUER,
            jwt_audience=AUDIENCE,
            jwt_jwks_ttl="1",
        )
        with as_user(server, token_of("mary", key=old)) as mary:
            path = f"/v1/images/{mary.upload(file, kind='avatar', attach=('user', 'mary')).id}"
        assert status_of(server, path, token_of("mary", key=new)) == 401
        assert status_of(server, path, token_of("mary", key=old, aud="somebody else")) == 401
        assert len(provider.requests) == 1

        published[:] = [new]
        eventually(lambda: status_of(server, path, token_of("mary", key=new)) == 200)

        assert status_of(server, path, token_of("mary", key=old)) == 401
        assert status_of(server, path, token_of("mary", key=forged)) == 401
        assert [asked for asked, _, _ in provider.requests] == ["/jwks.json"] * 2

    assert status_of(server, path, token_of("mary", key=new)) == 200


def test_while_the_provider_was_never_reached_nobody_is_refused_for_good(
    start_server: StartServer, kinds: Callable[[str], str]
):
    with web(lambda *_: (200, {"keys": []})) as provider:
        nobody_there = provider.url
    server = start_server(
        kinds=kinds(KINDS), jwt_jwks_url=nobody_there, jwt_issuer=ISSUER, jwt_audience=AUDIENCE, min_free_bytes="0"
    )
    token = token_of("mary", key=ECKey.generate_key("P-256", {"kid": "some"}))

    answer = httpx.get(f"{server.url}/v1/images/{'0' * 32}", headers=bearer(token))

    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert answer.headers["retry-after"]
    assert token not in server.log


def test_the_application_is_asked_and_only_its_yes_counts(
    start_server: StartServer, kinds: Callable[[str], str], file: bytes
):
    hang = Event()
    verdicts = {"mary": (200, {"allowed": True}), "john": (200, {"allowed": False}), "ann": (500, {"allowed": True})}

    def rules(_path: str, body: bytes) -> tuple[int, Any]:
        user = json.loads(body)["data"]["who"]["id"]
        if user == "zoe":
            hang.wait(30)
        return verdicts.get(user, (200, {"allowed": True}))

    with web(rules) as application:
        server = start_server(
            kinds=kinds(ASKING.format(url=f"{application.url}/rules")),
            min_free_bytes="0",
            jwt_secret=SECRET,
            webhook_secret=WEBHOOK_SECRET,
            webhook_private="true",
            rules_timeout="2",
        )
        with as_user(server, token_of("mary")) as mary:
            avatar = mary.upload(file, kind="avatar", attach=("user", "mary"))
        for refused in ("john", "ann", "zoe"):
            with as_user(server, token_of(refused)) as user, pytest.raises(NotAllowed):
                user.upload(file, kind="avatar")
        path = f"/v1/images/{avatar.id}"
        seen = {
            user: status_of(server, path, token_of(user, hidden="h1dden")) for user in ("kim", "john", "ann", "zoe")
        }
        hang.set()

    assert seen == {"kim": 200, "john": 404, "ann": 404, "zoe": 404}
    assert status_of(server, path, token_of("kim")) == 404, "nobody answers any more"
    for _, headers, body in application.requests:
        assert Webhook(WEBHOOK_SECRET).verify(body, headers)["type"] in {"rule.may_upload", "rule.may_view"}
    assert server.log.count("rule_gave_no_answer") == 5
    assert "h1dden" not in server.log


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, "SAFELIGHT_WEBHOOK_SECRET"),
        ({"webhook_secret": WEBHOOK_SECRET}, "SAFELIGHT_WEBHOOK_PRIVATE=true"),
    ],
    ids=["unsigned", "http"],
)
def test_a_server_that_could_not_ask_does_not_start(
    command: Callable[..., subprocess.CompletedProcess[str]],
    kinds: Callable[[str], str],
    settings: dict[str, str],
    why: str,
):
    file = kinds(ASKING.format(url="http://app.example/rules"))

    refused = command("up", "--port", 0, kinds=file, **settings)

    assert refused.returncode == 1
    assert "avatar" in refused.stderr
    assert why in refused.stderr
    assert "Traceback" not in refused.stderr


def test_settings_with_which_jwts_could_be_forged_are_all_told_at_once(
    command: Callable[..., subprocess.CompletedProcess[str]],
):
    secret = base64.b64encode(b"short").decode()

    refused = command("up", "--port", 0, jwt_secret=secret, jwt_algorithms="none", jwt_leeway="3600")

    assert refused.returncode == 2
    for name in ("SAFELIGHT_JWT_SECRET", "SAFELIGHT_JWT_LEEWAY"):
        assert name in refused.stderr
    assert secret not in refused.stderr
