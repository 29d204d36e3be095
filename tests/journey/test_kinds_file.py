"""A new kind in an images.py of five lines works without touching Safelight's code."""

import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import PIL.Image
import pytest

from credentials import bearer
from safelight.testing.server import Server
from safelight_client import Client, TooLarge, TypeNotAccepted, UnknownKind

EXAMPLE = Path(__file__).parents[2] / "examples/images.py"


@pytest.fixture
def kinds_file(tmp_path: Path) -> Path:
    """A copy of the example, which a test may change."""
    return Path(shutil.copy(EXAMPLE, tmp_path / "images.py"))


@pytest.fixture
def of_kinds(start_server: Callable[..., Server], kinds_file: Path) -> Server:
    """A server with the kinds of the example."""
    return start_server(kinds=str(kinds_file), min_free_bytes="0")


def test_the_example_has_five_lines():
    assert len([line for line in EXAMPLE.read_text().splitlines() if line]) == 5


def test_a_kind_is_declared_used_changed_and_rendered_again(
    of_kinds: Server, kinds_file: Path, file: bytes, eventually: Any
):
    """The whole life of a kind, on one server that is stopped once for the change."""
    with Client(of_kinds.url, api_key=of_kinds.key) as safelight:
        avatar = safelight.upload(file, kind="avatar", attach=("user", 42))
        poster = safelight.upload(file, kind="poster")
        passport = safelight.upload(file, kind="passport")
        _see_what_the_kinds_say(safelight, avatar, poster, passport, file)

        of_kinds.stop()
        kinds_file.write_text(kinds_file.read_text().replace("cover(96, 96)", 'cover(64, 64), "small": cover(32, 32)'))
        of_kinds.start()
        old = avatar.variants["thumb"].renditions[0].url
        assert safelight.get(avatar.id).variants == avatar.variants
        _reprocess(of_kinds, avatar.id)
        eventually(lambda: "small" in safelight.get(avatar.id).variants)

        changed = safelight.get(avatar.id)
        assert {one.width for one in changed.variants["thumb"].renditions} == {64}
        assert PIL.Image.open(BytesIO(safelight.download(changed, "small"))).size == (32, 32)
        assert httpx.get(old).status_code == 200, "pages that were made before still show it"
        answer = _reprocess(of_kinds, passport.id)
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


def _see_what_the_kinds_say(safelight: Client, avatar: Any, poster: Any, passport: Any, file: bytes) -> None:
    assert avatar.url("thumb", format="webp").endswith("-96.webp")
    assert [(one.format, one.width) for one in poster.variants["wall"].renditions] == [
        (fmt, width) for width in (480, 640) for fmt in ("avif", "jpeg", "webp")
    ]
    assert not passport.public
    assert passport.read_token
    assert safelight.kind("avatar").max_bytes == 10_000_000
    with pytest.raises(TypeNotAccepted):
        safelight.upload(file, kind="passport", content_type="image/png")
    with pytest.raises(TooLarge):
        safelight.request(kind="avatar", filename="p.jpg", size=10_000_001)
    with pytest.raises(UnknownKind, match="avatar, passport, poster"):
        safelight.upload(file, kind="photo")


def _reprocess(server: Server, image_id: str) -> httpx.Response:
    headers = bearer(server.key)
    return httpx.post(f"{server.url}/v1/images/{image_id}/reprocess", headers=headers)
