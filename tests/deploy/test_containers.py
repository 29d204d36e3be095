"""The image: what linters know of, what its instructions come to, and the compose file's services run in it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest
import yaml

from behind_nginx import around, nginx
from containers import Stage, build, instructions, sent
from safelight.adapters.s3.signer import NEVER_SENT
from safelight.adapters.system import SystemClock
from safelight.apps.doctor.bucket.examine import examine_bucket
from safelight.apps.doctor.finding import Level
from safelight.settings import Settings
from safelight.testing.ceph import CephServer
from safelight.testing.ports import free_port
from safelight.testing.postgres import PostgresServer
from safelight.testing.server import API_KEY, PATIENCE
from safelight_client import Client

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy/docker/Dockerfile"
COMPOSE_FILE = ROOT / "deploy/compose/compose.yaml"
COMPOSE = yaml.safe_load(COMPOSE_FILE.read_text())

STOP_WITHIN_S = 30


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The last stage, built."""
    return build(DOCKERFILE, ROOT, tmp_path_factory.mktemp("image"))


@pytest.fixture
def port() -> int:
    """A free port."""
    return free_port()


def test_hadolint_finds_nothing():
    linter = Path(sys.executable).with_name("hadolint")

    found = subprocess.run([linter, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)  # noqa: S603

    assert (found.stdout, found.returncode) == ("", 0)


def test_only_what_is_copied_goes_into_the_build():
    copied = [word for name, rest in instructions(DOCKERFILE) if name == "COPY" and "--from" not in rest
              for word in rest.split()[:-1]]  # fmt: skip

    outside = {name for name in sent(ROOT) if not name.startswith(tuple(copied))}
    assert outside == {name for name in outside if name.startswith("requirements/")}


def test_the_image_listens_where_the_settings_say():
    exposed = next(rest for name, rest in instructions(DOCKERFILE) if name == "EXPOSE")
    ports = {str(Settings.model_fields[name].default) for name in ("port", "worker_port", "uploads_port")}

    assert set(exposed.split()) == ports


def test_what_builds_is_not_in_what_runs(image: Stage):
    packages = {path.name.partition("-")[0] for path in (image.layer / "opt/safelight").rglob("*.dist-info")}

    assert {"safelight", "safelight_client", "asyncpg", "obstore", "pillow_heif"} <= packages
    assert packages.isdisjoint({"pip", "setuptools", "hatchling", "editables", "pytest"})


def test_it_runs_as_nobody_that_the_host_knows_and_owns_its_data_alone(image: Stage):
    said = image.run("sh", "-c", "id -u; id -g; touch /var/lib/safelight/x && echo data; touch /opt/x || true")

    assert said.stdout.split() == ["10001", "10001", "data"]
    assert "/opt/x" in said.stderr


def test_every_part_is_there(image: Stage):
    said = image.run(*image.entrypoint, *image.command)

    assert said.returncode == 0, said.stderr
    assert {"up", "api", "worker", "uploads", "migrate"} <= set(said.stdout.split())


@pytest.fixture
def container(image: Stage, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`safelight up` on a root that is read-only, without a right that root has."""
    settings = {
        "SAFELIGHT_PORT": str(port),
        "SAFELIGHT_HOST": "127.0.0.1",
        "SAFELIGHT_BOOTSTRAP_KEY": API_KEY,
        "SAFELIGHT_MIN_FREE_BYTES": "0",
    }
    ours = replace(image, env=image.env | PATIENCE | settings)
    with subprocess.Popen(ours.started_by(*image.entrypoint, "up")) as running:  # noqa: S603
        yield running
        running.kill()


def test_a_container_takes_an_image_and_ends_when_told_to(
    container: subprocess.Popen[bytes], image: Stage, port: int, photo: Path, eventually: Callable[..., None]
):
    listening = replace(image, env=image.env | {"SAFELIGHT_PORT": str(port)})
    eventually(lambda: listening.run(*image.health).returncode == 0)

    with Client(f"http://127.0.0.1:{port}", api_key=API_KEY) as client:
        shown = client.upload(photo, kind="photo")

    assert {"thumb", "medium", "large"} <= shown.variants.keys()
    container.send_signal(signal.SIGTERM)
    assert container.wait(STOP_WITHIN_S) == 0


@dataclass(frozen=True, slots=True)
class Servers:
    """What stands in for the compose file's Postgres and bucket."""

    postgres: PostgresServer
    ceph: CephServer


@pytest.fixture
def servers() -> Iterator[Servers]:
    """Both, running."""
    with PostgresServer() as postgres, CephServer() as ceph:
        yield Servers(postgres, ceph)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where things listen that have a host each in the compose file, and here all loopback."""

    api: int = field(default_factory=free_port)
    worker: int = field(default_factory=free_port)
    gateway: int = field(default_factory=free_port)
    bucket: int = field(default_factory=free_port)


@contextmanager
def started(image: Stage, service: str, ports: Ports, storage: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a service as the compose file says, but for addresses."""
    said = COMPOSE["services"][service]
    moved = {
        "SAFELIGHT_PUBLIC_URL": f"http://127.0.0.1:{ports.gateway}",
        "SAFELIGHT_STORAGE_URL": f"{storage}&public_endpoint=http://127.0.0.1:{ports.bucket}",
        "SAFELIGHT_TRUSTED_PROXIES": "127.0.0.1",
    }
    here = {
        "SAFELIGHT_HOST": "127.0.0.1",
        "SAFELIGHT_PORT": str(ports.api),
        "SAFELIGHT_WORKER_PORT": str(ports.worker),
    }
    as_said = {name: moved.get(name, value) for name, value in said["environment"].items()}
    container = replace(image, env=image.env | as_said | here)
    with subprocess.Popen(container.started_by(*image.entrypoint, *said["command"])) as running:  # noqa: S603 - ours
        yield running
        running.kill()


def mount(image: Stage, database_url: str, ceph: CephServer) -> None:
    """Put the kinds file and the secrets where the compose file mounts them, and as it does."""
    kinds = image.layer / "etc/safelight/images.py"
    kinds.parent.mkdir(parents=True)
    kinds.write_text((COMPOSE_FILE.parent / "images.py").read_text())
    secrets = image.layer / "run/secrets"
    secrets.mkdir(parents=True)
    _, uploader = ceph.create_uploader()
    profiles = {"default": ceph.environment.values(), "uploads": uploader.values()}
    for name, text in {
        "SAFELIGHT_DATABASE_URL": database_url,
        "SAFELIGHT_BOOTSTRAP_KEY": API_KEY,
        "aws": "".join(
            f"[{name}]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n"
            for name, (key_id, secret) in profiles.items()
        ),
    }.items():
        (secrets / name).write_text(text)
    made = replace(image, user="0:0", env=image.env).build
    made(*image.entrypoint, "signing-keys", "create", "/run/secrets/keyring.json")
    os.chown(secrets / "keyring.json", 10001, 10001)


@contextmanager
def gateway(folder: Path, ports: Ports, ceph: CephServer) -> Iterator[None]:
    """Run the compose file's gateway."""
    text = (COMPOSE_FILE.parent / "gateway.conf").read_text()
    for example, ours in {
        "listen 8080;": f"listen 127.0.0.1:{ports.gateway};",
        "listen 9000;": f"listen 127.0.0.1:{ports.bucket};",
        "http://api:8080": f"http://127.0.0.1:{ports.api}",
        "http://s3:8333": ceph.endpoint,
        "/dev/stdout": str(folder / "access.log"),
    }.items():
        assert example in text, f"the gateway has no {example}"
        text = text.replace(example, ours)
    (folder / "safelight.conf").write_text(text)
    (folder / "nginx.conf").write_text(around(folder))
    with nginx(folder / "nginx.conf", ports.gateway):
        yield


def test_the_services_of_the_compose_file_take_an_image_together(
    image: Stage, servers: Servers, tmp_path: Path, photo: Path, eventually: Callable[..., None]
):
    ports, bucket = Ports(), servers.ceph.create_bucket()
    storage = servers.ceph.storage_url(bucket)
    mount(image, servers.postgres.create_database("safelight"), servers.ceph)
    with started(image, "migrate", ports, storage) as migrating:
        assert migrating.wait(STOP_WITHIN_S) == 0

    with (
        started(image, "api", ports, storage) as api,
        started(image, "worker", ports, storage) as worker,
        gateway(tmp_path, ports, servers.ceph),
    ):
        eventually(lambda: answers(ports.worker) and answers(ports.gateway))
        with Client(f"http://127.0.0.1:{ports.gateway}", api_key=API_KEY) as client:
            image_ = client.upload(photo, kind="avatar")
        for part in (api, worker):
            part.send_signal(signal.SIGTERM)
        ended = [part.wait(STOP_WITHIN_S) for part in (api, worker)]

    assert {"thumb", "hero"} <= image_.variants.keys()
    assert image_.variants["thumb"].renditions[0].url.startswith(f"http://127.0.0.1:{ports.bucket}/{bucket}/public/")
    assert f'"PUT /{bucket}/incoming/' in (tmp_path / "access.log").read_text()
    assert ended == [0, 0]


async def test_the_gateway_keeps_clients_from_adding_headers_to_what_was_signed(servers: Servers, tmp_path: Path):
    ports = Ports()
    storage = servers.ceph.storage_url(servers.ceph.create_bucket()).replace("profile=ceph", "profile=generic")
    url = f"{storage}&public_endpoint=http://127.0.0.1:{ports.bucket}"

    with gateway(tmp_path, ports, servers.ceph), pytest.MonkeyPatch.context() as patch:
        for name, value in servers.ceph.environment.items():
            patch.setenv(name, value)
        found = {one.name: one.level async for one in examine_bucket(url, Settings(), clock=SystemClock())}

    assert found["upload"] is found["added headers"] is Level.OK


@pytest.mark.parametrize("path", ["/b/public/%2e%2e/private/x", "/b/public%2F..%2fprivate/x", "/%2E%2e/b/private/x"])
def test_the_gateway_lets_nobody_come_to_an_object_by_a_detour(servers: Servers, tmp_path: Path, path: str):
    ports = Ports()

    with gateway(tmp_path, ports, servers.ceph):
        detour = httpx.get(f"http://127.0.0.1:{ports.bucket}{path}")
        straight = httpx.get(f"http://127.0.0.1:{ports.bucket}/b/private/x")

    assert detour.status_code == httpx.codes.BAD_REQUEST
    assert straight.status_code == httpx.codes.NOT_FOUND


@pytest.mark.parametrize("query", ["response-content-type=text/html", "list-type=2", "a=X-Amz-Credential=b", "?"])
def test_the_gateway_lets_nobody_ask_for_more_than_an_object_without_a_signature(
    servers: Servers, tmp_path: Path, query: str
):
    ports = Ports()

    with gateway(tmp_path, ports, servers.ceph):
        answer = httpx.get(f"http://127.0.0.1:{ports.bucket}/b/public/x?{query}")

    assert "nginx" in answer.text
    assert answer.status_code == httpx.codes.BAD_REQUEST


@pytest.mark.parametrize("name", NEVER_SENT)
def test_the_gateway_drops_every_header_that_no_client_may_send(name: str):
    assert f'proxy_set_header {name} "";' in (COMPOSE_FILE.parent / "gateway.conf").read_text()


def answers(port: int) -> bool:
    """Return whether a part says that it lives."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").is_success
    except httpx.TransportError:
        return False
