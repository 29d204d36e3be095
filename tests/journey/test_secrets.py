"""No usable secret lies in the database or in any log, whatever was asked and however it went.

The server runs with every logger at its most talkative, those of the libraries as well, which no setting can do.
"""

import base64
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from credentials import bearer
from safelight.adapters.seal import PURPOSE as ANSWERS
from safelight.domain import api_keys
from safelight.domain.events import Action
from safelight.domain.tokens import Purpose, derive
from safelight.testing.server import Server

Command = Callable[..., subprocess.CompletedProcess[str]]

WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"a webhook's secret, of this test").decode()
JWT_SECRET = "the-secret-of-this-test-that-signs-tokens-of-users"

TALKATIVE = """
import logging
import sys

from safelight.apps import logs

configured = logs.configure_logs


def configure_logs(form, *, level=logging.DEBUG):
    configured(form, level=logging.DEBUG)
    logging.getLogger().setLevel(logging.DEBUG)


logs.configure_logs = configure_logs

from safelight.cli.entry import main

sys.argv[0] = "safelight"
main()
"""


KINDS = """
from safelight import Kind, cover, fit

photo = Kind("private-photo", variants={"thumb": cover(200, 200), "zoom": fit(500, lazy=True)})
"""


@dataclass
class Secrets:
    """Every secret that was seen, by what it is."""

    seen: list[tuple[str, bytes]] = field(default_factory=list)

    def add(self, what: str, secret: bytes | str) -> None:
        """Note a secret, in each form in which it might be kept."""
        raw = secret.encode() if isinstance(secret, str) else secret
        forms = [raw, raw.hex().encode(), base64.b64encode(raw), base64.urlsafe_b64encode(raw).rstrip(b"=")]
        self.seen += [(what, form) for form in forms]

    def add_token(self, what: str, token: str) -> None:
        """Note what makes a token one: its MAC, without which the rest is worth nothing."""
        self.add(what, token.rpartition(".")[2])

    def add_url(self, what: str, url: str) -> None:
        """Note the token of a signed URL."""
        (token,) = parse_qs(urlsplit(url).query)["token"]
        self.add_token(what, token)

    def add_key(self, what: str, key: str) -> None:
        """Note the secret of an API key."""
        parsed = api_keys.parse(key)
        assert parsed
        self.add(what, parsed[1])

    def add_keyring(self, path: Path) -> None:
        """Note every signing key, and what is derived from it."""
        for key_id, key in json.loads(path.read_text())["keys"].items():
            raw = base64.b64decode(key)
            self.add(f"signing key {key_id}", raw)
            for purpose in (*Purpose, ANSWERS):
                self.add(f"{purpose} key of {key_id}", derive(raw, purpose))

    def found_in(self, content: bytes) -> set[str]:
        """Return what is there that should not be."""
        return {what for what, form in self.seen if form in content}


@pytest.fixture
def server(tmp_path: Path, receiver: Any) -> Iterator[Server]:
    """A server that tells all it can."""
    program = tmp_path / "talkative.py"
    program.write_text(TALKATIVE)
    kinds = tmp_path / "images.py"
    kinds.write_text(KINDS)
    settings = {
        "kinds": str(kinds),
        "min_free_bytes": "0",
        "webhook_url": receiver.url,
        "webhook_secret": WEBHOOK_SECRET,
        "webhook_private": "true",
        "webhook_retry_base": "0.2",
        "jwt_secret": JWT_SECRET,
    }
    with Server(tmp_path / "data", settings, program=[str(program)]) as server:
        yield server


@pytest.fixture
def api(server: Server, call_as_application: Any) -> Iterator[Any]:
    """A caller of that server."""
    with call_as_application(server) as api:
        yield api


@pytest.fixture
def secrets(server: Server) -> Secrets:
    """The secrets that there are from the beginning."""
    secrets = Secrets()
    secrets.add_key("first API key", server.key)
    secrets.add("webhook secret", WEBHOOK_SECRET)
    secrets.add("webhook secret", base64.b64decode(WEBHOOK_SECRET.removeprefix("whsec_")))
    secrets.add("JWT secret", JWT_SECRET)
    secrets.add_keyring(server.data / "keyring.json")
    return secrets


def note(secrets: Secrets, requested: dict[str, Any]) -> dict[str, Any]:
    """Note what REQUEST gave."""
    for name in ("write_token", "read_token"):
        secrets.add_token(name, requested[name])
    secrets.add_url("upload URL", requested["upload"]["url"])
    return requested


def go_well(api: Any, secrets: Secrets, file: bytes) -> dict[str, Any]:
    """Go the whole road with a protected image, by every way of showing a token, with a webhook that fails at first."""
    http, root = api.http, api.server.url
    wanted = {"kind": "private-photo", "filename": "fails-1-times.jpg", "size": len(file), "content_type": "image/jpeg"}
    answer = http.post("/v1/images", json=wanted, headers={"idempotency-key": "once-and-no-more"})
    again = http.post("/v1/images", json=wanted, headers={"idempotency-key": "once-and-no-more"})
    assert (answer.status_code, again.status_code) == (201, 201)
    note(secrets, again.json())
    image: dict[str, Any] = note(secrets, answer.json())
    path = f"{root}/v1/images/{image['id']}"
    resigned = httpx.post(f"{path}/upload", json={"transport": "post"}, headers=bearer(image["write_token"])).json()
    secrets.add_url("signed form", resigned["upload"]["url"])
    assert api.upload(resigned["upload"], file).status_code == 201
    assert httpx.post(f"{path}/confirm", headers=bearer(image["write_token"])).status_code == 202
    assert api.final(image["id"])["status"] == "ready"
    query = {"read_token": image["read_token"]}
    assert httpx.get(f"{path}/events", params=query).status_code == 200
    assert httpx.get(path, headers=bearer(image["read_token"])).status_code == 200
    shown = httpx.get(f"{path}/variants/thumb", params=query)
    secrets.add_url("signed URL", shown.headers["location"])
    assert httpx.get(shown.headers["location"]).status_code == 200
    gallery = http.post("/v1/urls", json={"ids": [image["id"]], "variants": ["thumb", "zoom"]}).json()
    for name, variant in gallery["images"][image["id"]]["variants"].items():
        secrets.add_url(f"URL of {name}", variant["url"])
        assert httpx.get(variant["url"], follow_redirects=True, timeout=60).status_code == 200
    return image | {"path": path, "signed_url": shown.headers["location"]}


def go_wrong(api: Any, secrets: Secrets, file: bytes, image: dict[str, Any]) -> set[int]:
    """Show good and bad credentials where they are refused, and have the server fail; return the statuses."""
    root, unused = api.server.url, note(secrets, api.request(file, kind="private-photo"))
    url, token = unused["upload"]["url"], unused["write_token"]
    mistyped = api.server.key[:-1] + "X"
    secrets.add_key("mistyped API key", mistyped)
    users = jwt.encode({"alg": "HS256"}, {"sub": "42", "exp": time.time() + 600}, OctKey.import_key(JWT_SECRET))
    secrets.add_token("JWT", users)
    answers = [
        httpx.get(image["path"], headers=bearer(users)),
        httpx.get(f"{root}/v1/images", headers=bearer(users + "x")),
        httpx.get(f"{root}/v1/images", headers=bearer(mistyped)),
        httpx.get(f"{root}/v1/images", headers=bearer(token)),
        httpx.get(f"{root}/v1/images", headers={"authorization": f"Basic {token}"}),
        httpx.post(f"{root}/v1/images", content=f'{{"kind": "{token}', headers=bearer(api.server.key)),
        httpx.post(f"{root}/v1/images", json={token: token}, headers=bearer(api.server.key)),
        httpx.get(f"{root}/v1/nowhere", params={"read_token": unused["read_token"], "token": token}),
        httpx.get(image["path"], params={"read_token": unused["read_token"]}),
        httpx.put(url, content=file + b"more", headers=unused["upload"]["headers"]),
        httpx.put(f"{url}&token={token}", content=file),
        httpx.patch(url, content=file),
        httpx.get(image["signed_url"] + "x"),
    ]
    (stored,) = api.server.data.glob(f"store/objects/private/*/*/{image['id']}/thumb-*.jpg")
    stored.unlink()
    stored.mkdir()  # an object that cannot be read
    answers.append(httpx.get(image["signed_url"]))
    stored.rmdir()
    return {answer.status_code for answer in answers}


def change_keys(api: Any, secrets: Secrets, command: Command, image: dict[str, Any]) -> None:
    """Make, rotate and revoke keys, signing keys and tokens."""
    data = api.server.data

    def run(*words: str) -> str:
        done = command(*words, "--data", data)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    made = run("keys", "create", "office", "--quiet")
    rotated = run("keys", "rotate", made.split("_")[1], "--quiet")
    run("keys", "revoke", rotated.split("_")[1])
    secrets.add_key("API key", made)
    secrets.add_key("API key", rotated)
    (old,) = json.loads((data / "keyring.json").read_text())["keys"]
    run("signing-keys", "rotate")
    secrets.add_keyring(data / "keyring.json")
    for _ in range(2):
        secrets.add_token("given read token", api.http.post(f"{image['path']}/tokens").json()["read_token"])
        assert api.http.delete(f"{image['path']}/tokens").status_code == 204
    run("signing-keys", "retire", old, "--yes")


def test_no_usable_secret_is_in_the_database_or_in_a_log(
    api: Any, secrets: Secrets, command: Command, file: bytes, receiver: Any
) -> None:
    image = go_well(api, secrets, file)
    statuses = go_wrong(api, secrets, file, image)
    change_keys(api, secrets, command, image)
    assert api.http.delete(image["path"]).status_code == 204

    while_running = kept_by(api.server)
    api.server.stop()
    afterwards = kept_by(api.server)

    assert statuses == {401, 403, 404, 405, 413, 422, 503}
    for when in (while_running, afterwards):
        assert not {name: found for name, content in when.items() if (found := secrets.found_in(content))}
    assert not secrets.found_in(b"".join(body for _, body in receiver.about(image["id"])))
    see_that_all_was_looked_at(while_running, api.server, image)


def see_that_all_was_looked_at(kept: dict[str, bytes], server: Server, image: dict[str, Any]) -> None:
    """See that what may be there is: the image, the keys' hashes, the audit log, and what the libraries say."""
    key = api_keys.parse(server.key)
    database, log = kept["safelight.db"] + kept["safelight.db-wal"], kept[server.log_file.name]
    assert key
    for kept_there in (image["id"], api_keys.digest(key[1]), Action.TOKENS_REVOKED, Action.SIGNING_KEY_RETIRED):
        assert kept_there.encode() in database
    for said in ("INSERT INTO image", "send_request_headers", "keyring_read", "byte_service_failed", image["id"]):
        assert said.encode() in log


def kept_by(server: Server) -> dict[str, bytes]:
    """Return what the server has written that is no image and no keyring: database, its log, and log lines."""
    files = [one for one in server.data.iterdir() if one.is_file() and one.name != "keyring.json"]
    return {one.name: one.read_bytes() for one in [*files, server.log_file]}
