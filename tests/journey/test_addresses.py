"""No URL is stored: a new address, such as a CDN's, is in every URL from the next start on."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from safelight.testing.server import Server

CDN = "https://cdn.example"
API = "https://images.example"


def urls_in(said: Any) -> list[str]:
    """Return every URL in an answer."""
    if isinstance(said, dict):
        return [url for value in said.values() for url in urls_in(value)]
    if isinstance(said, list):
        return [url for value in said for url in urls_in(value)]
    return [said] if isinstance(said, str) and said.startswith("http") else []


@dataclass(frozen=True, slots=True)
class Move:
    """Settings of addresses, and where the API and the files are from then on."""

    settings: Mapping[str, str]
    api: str
    files: str


@pytest.mark.parametrize(
    "move",
    [
        Move({"public_url": CDN}, CDN, CDN),
        Move({"public_url": API, "delivery_url": f"{CDN}/", "uploads_url": API}, API, CDN),
    ],
    ids=["everything", "the files alone"],
)
def test_changing_an_address_changes_every_url_at_once(
    start_server: Callable[..., Server], file: bytes, call_as_application: Any, move: Move
):
    before = start_server(min_free_bytes="0")
    with call_as_application(before) as api:
        ids = [api.ready(file, kind=kind)["id"] for kind in ("photo", "private-photo")]
    assert before.stop() == 0

    with call_as_application(start_server(min_free_bytes="0", **move.settings)) as api:
        public, protected = (api.http.get(f"/v1/images/{image_id}").json() for image_id in ids)
        page = api.http.post("/v1/urls", json={"ids": ids, "variants": ["thumb", "large"]}).json()
        shown = [api.http.get(f"/v1/images/{image_id}/variants/thumb").headers["location"] for image_id in ids]
        upload = api.request(file)["upload"]["url"]

    direct = urls_in([variant["renditions"] for variant in public["variants"].values()])
    stable = urls_in([variant["url"] for variant in public["variants"].values()]) + urls_in(protected)
    assert {origin(url) for url in (*direct, *shown, *urls_in(page))} == {move.files}
    assert {origin(url) for url in (*stable, upload)} == {move.api}
    assert before.url not in json.dumps([public, protected, page, shown])


def origin(url: str) -> str:
    """Return scheme and host."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
