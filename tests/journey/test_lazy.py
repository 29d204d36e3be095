"""Lazy variants on a real server: rendered once, when somebody asks, and never anything that is not declared."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import PIL.Image
import pytest

from safelight.testing.server import Server

KINDS = """
from safelight import Kind, cover, fit

made = {"thumb": cover(96, 96), "zoom": fit(500, lazy=True), "poster": fit(600, formats="webp", lazy=True)}
poster = Kind("poster", public=True, variants=made)
secret = Kind("secret", variants=made)
album = Kind("album", variants={"zoom": fit(500, lazy=True)})
"""


@pytest.fixture(scope="module")
def kinds_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kinds") / "images.py"
    path.write_text(KINDS)
    return path


@pytest.fixture
def server(start_server: Callable[..., Server], kinds_file: Path) -> Server:
    return start_server(kinds=str(kinds_file), min_free_bytes="0")


def stored(server: Server, image_id: str, variant: str) -> list[Path]:
    return [path for path in server.stored() if path.match(f"{image_id}/{variant}-*")]


def test_a_lazy_variant_is_rendered_once_however_many_ask_at_once(
    server: Server, file: bytes, call_as_application: Any
):
    with call_as_application(server) as api:
        image = api.ready(file, kind="poster")
        url = image["variants"]["zoom"]["url"]
        assert image["variants"]["zoom"]["renditions"] == []
        assert stored(server, image["id"], "zoom") == []

        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: httpx.get(url, follow_redirects=True, timeout=30), range(16)))

        assert {answer.status_code for answer in answers} == {200}
        assert PIL.Image.open(BytesIO(answers[0].content)).width == 500
        assert server.log.count("lazy_variant_rendered") == 1
        assert len(stored(server, image["id"], "zoom")) == 2
        assert stored(server, image["id"], "poster") == []
        assert api.http.get(f"/v1/images/{image['id']}").json()["variants"]["zoom"]["renditions"]


def test_who_would_not_wait_is_told_to_come_back(server: Server, file: bytes, call_as_application: Any):
    with call_as_application(server) as api:
        url = api.ready(file, kind="poster")["variants"]["zoom"]["url"]

        first = httpx.get(url, headers={"prefer": "wait=0"})
        later = httpx.get(url)

    assert (first.status_code, later.status_code) == (202, 302)
    assert int(first.headers["retry-after"]) > 0


def test_a_page_of_protected_images_needs_one_call_and_every_link_works(
    server: Server, file: bytes, call_as_application: Any
):
    with call_as_application(server) as api:
        ids = [api.ready(file, kind=kind)["id"] for kind in ("secret", "poster", "album")]

        wanted = {"ids": [*ids, "f" * 32], "variants": ["thumb", "zoom"], "format": "jpeg"}
        images = api.http.post("/v1/urls", json=wanted).json()["images"]

        assert set(images) == set(ids)
        for image in images.values():
            for variant in image["variants"].values():
                assert httpx.get(variant["url"], follow_redirects=True, timeout=30).status_code == 200
        again = api.http.post("/v1/urls", json=wanted).json()["images"]
        assert all(variant["renditions"] for image in again.values() for variant in image["variants"].values())


def test_a_kind_of_lazy_variants_alone_is_verified_and_ready_at_once(
    server: Server, file: bytes, call_as_application: Any
):
    with call_as_application(server) as api:
        image = api.ready(file, kind="album")
        spoilt = api.final(api.uploaded(b"this is no image", kind="album")["id"])

    assert (image["progress"], image["placeholder"] is not None) == (1.0, True)
    assert (spoilt["status"], spoilt["error"]["code"]) == ("rejected", "not_an_image")


def test_a_variant_that_was_lost_in_the_queue_is_rendered_for_the_next_reader(
    server: Server, file: bytes, call_as_application: Any
):
    with call_as_application(server) as api:
        url = api.ready(file, kind="poster")["variants"]["zoom"]["url"]
        httpx.get(url, headers={"prefer": "wait=0"})
        server.kill()
        server.start()

        assert httpx.get(url, follow_redirects=True, timeout=30).status_code == 200
