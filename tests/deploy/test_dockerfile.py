"""The Dockerfile: what linters know of, and what its instructions come to when they are carried out."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from containers import Stage, build, instructions, sent
from safelight.settings import Settings
from safelight.testing.server import API_KEY, PATIENCE
from safelight_client import Client

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy/docker/Dockerfile"

STOP_WITHIN_S = 30


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The last stage, built."""
    return build(DOCKERFILE, ROOT, tmp_path_factory.mktemp("image"))


@pytest.fixture
def port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
        return number


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
    image.env |= PATIENCE | settings
    with subprocess.Popen(image.started_by(*image.entrypoint, "up")) as running:  # noqa: S603
        yield running
        running.kill()


def test_a_container_takes_an_image_and_ends_when_told_to(
    container: subprocess.Popen[bytes], image: Stage, port: int, photo: Path, eventually: Callable[..., None]
):
    eventually(lambda: image.run(*image.health).returncode == 0)

    with Client(f"http://127.0.0.1:{port}", api_key=API_KEY) as client:
        shown = client.upload(photo, kind="photo")

    assert {"thumb", "medium", "large"} <= shown.variants.keys()
    container.send_signal(signal.SIGTERM)
    assert container.wait(STOP_WITHIN_S) == 0
