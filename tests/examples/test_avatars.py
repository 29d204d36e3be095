"""The example with login: an avatar is its user's own, from the first upload to the deleted account."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import httpx
import PIL.Image
import pytest

from safelight.testing.server import Server
from safelight_client import Client, ImageNotFound, ImageRejected, NotAllowed

EXAMPLE = Path(__file__).parents[2] / "examples/avatars"
JWT_SECRET = "a secret of the example, which is long enough"
PASSWORD = "correct horse battery"
STARTS_WITHIN_S = 30
GONE_WITHIN_S = 30


@pytest.fixture
def safelight(start_server: Callable[..., Server]) -> Server:
    """Safelight, with the example's kinds and secret; what is deleted is purged at once."""
    return start_server(
        kinds=str(EXAMPLE / "images.py"), jwt_secret=JWT_SECRET, min_free_bytes="0", upload_ttl="2", body_timeout="2"
    )


@pytest.fixture
def app(safelight: Server) -> Iterator[httpx.Client]:
    """The example's application, served by uvicorn in a process of its own."""
    with serving(safelight) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


@contextmanager
def serving(safelight: Server) -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    environment = {
        **os.environ,
        "SAFELIGHT_URL": safelight.url,
        "SAFELIGHT_API_KEY": safelight.key,
        "SAFELIGHT_JWT_SECRET": JWT_SECRET,
    }
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLE), "app:app", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # noqa: S603 - our own example
    try:
        wait_for(f"http://127.0.0.1:{port}/docs")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def wait_for(url: str) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until:
        try:
            httpx.get(url)
        except httpx.ConnectError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"nothing answers at {url}")


def sign_up(app: httpx.Client, name: str) -> dict[str, str]:
    answer = app.post("/signup", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    user: dict[str, str] = answer.json()
    return user


def picture(color: str) -> bytes:
    file = BytesIO()
    PIL.Image.new("RGB", (640, 480), color).save(file, "JPEG")
    return file.getvalue()


def avatar_of(app: httpx.Client, name: str) -> str:
    return str(app.get(f"/users/{name}").json()["avatar"])


def color_at(url: str) -> tuple[int, ...]:
    answer = httpx.get(url, follow_redirects=True)
    assert answer.status_code == 200
    return tuple(PIL.Image.open(BytesIO(answer.content)).convert("RGB").getpixel((48, 48)))  # type: ignore[arg-type]  # a pixel of three bands


def test_an_avatar_is_set_refused_replaced_and_erased_with_its_account(safelight: Server, app: httpx.Client):
    """The whole life of an avatar, by its user, a stranger, and nobody."""
    owner, stranger = sign_up(app, "owner"), sign_up(app, "stranger")
    target = ("user", owner["id"])

    with Client(owner["uploads"], api_key=owner["token"]) as by_owner:
        first = by_owner.upload(picture("red"), kind="avatar", attach=target)
        assert color_at(avatar_of(app, "owner"))[0] > 200

        with Client(stranger["uploads"], api_key=stranger["token"]) as by_stranger:
            with pytest.raises(NotAllowed):
                by_stranger.upload(picture("black"), kind="avatar", attach=target)
            with pytest.raises(ImageNotFound):
                by_stranger.get(first.id)
            with pytest.raises(ImageNotFound):
                by_stranger.delete(first.id)

        with pytest.raises(ImageRejected):
            by_owner.upload(b"no image at all", kind="avatar", attach=target)
        assert color_at(avatar_of(app, "owner"))[0] > 200

        by_owner.upload(picture("blue"), kind="avatar", attach=target)
        assert color_at(avatar_of(app, "owner"))[2] > 200

    deleted = app.delete("/me", headers={"authorization": f"Bearer {owner['token']}"})
    assert deleted.json() == {"images_deleted": 1}
    assert app.get("/users/owner").status_code == 404
    until = time.monotonic() + GONE_WITHIN_S
    while safelight.stored() and time.monotonic() < until:
        time.sleep(0.2)
    assert safelight.stored() == []


def visiting(app_url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    first, second = folder / "me.jpg", folder / "another.jpg"
    first.write_bytes(picture("red"))
    second.write_bytes(picture("blue"))
    command = [sys.executable, str(EXAMPLE / "visit.py"), app_url, str(first), str(second)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 - our own example


def test_two_visitors_play_the_scene_of_the_readme_again_and_again(app: httpx.Client, tmp_path: Path):
    for _ in range(2):
        played = visiting(str(app.base_url), tmp_path)

        assert played.returncode == 0, played.stderr
        assert re.fullmatch(
            r"The owner has an avatar: http.*\n.*may not set it: .*\n.*has another one.*\n"
            r"The owner has left: .*1.*\nThe stranger has left: .*0.*\n",
            played.stdout,
        )


def test_visitors_to_whom_nothing_answers_say_so_in_one_line(tmp_path: Path):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        played = visiting(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path)

    assert played.returncode == 1
    assert re.fullmatch(r"The application does not answer at http.*\n", played.stderr)


def test_a_wrong_password_and_a_wrong_name_are_refused_alike(app: httpx.Client):
    sign_up(app, "owner")

    wrong = app.post("/login", json={"name": "owner", "password": "not the password"})
    unknown = app.post("/login", json={"name": "nobody", "password": PASSWORD})

    assert (wrong.status_code, wrong.json()) == (unknown.status_code, unknown.json()) == (401, wrong.json())
    assert app.post("/login", json={"name": "owner", "password": PASSWORD}).json()["token"]
