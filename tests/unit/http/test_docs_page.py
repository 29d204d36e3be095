"""The documentation page: whole, harmless, and nothing on it but what the document says."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from safelight.apps.api import openapi_json
from safelight.http.docs_page import docs_page

DOCUMENT: dict[str, Any] = json.loads(openapi_json())

VOID = {"meta"}


class Page(HTMLParser):
    """Reads a page, and sees that every element is closed in turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.elements: set[str] = set()
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements.add(tag)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [found["href"] or ""] if "href" in found else []
        self._open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(docs_page(DOCUMENT))


def test_every_call_and_every_shape_has_its_place(page: Page):
    calls = {operation["operationId"] for item in DOCUMENT["paths"].values() for operation in item.values()}

    assert len(page.ids) == len(set(page.ids))
    assert set(page.ids) == calls | set(DOCUMENT["components"]["schemas"])
    assert all(path in page.text for path in DOCUMENT["paths"])


def test_answers_stand_in_the_order_of_their_statuses(page: Page):
    of_a_request = page.text.partition("Ask to upload an image.")[2].partition("Get a fresh upload URL")[0]

    statuses = re.findall(r"(?<![0-9])[2-5][0-9]{2}(?=[A-Z])", of_a_request)

    assert len(statuses) > 1
    assert statuses == sorted(statuses)


def test_every_link_leads_somewhere_on_this_server(page: Page):
    assert {link for link in page.links if not link.startswith("#")} == {"/openapi.json"}
    assert {link[1:] for link in page.links if link.startswith("#")} == set(page.ids)


def test_nothing_runs_and_nothing_is_fetched(page: Page):
    assert page.elements.isdisjoint({"script", "link", "img", "iframe", "form", "object"})


def test_what_the_document_says_is_text_and_never_markup():
    hostile = json.loads(json.dumps(DOCUMENT).replace("List the kinds", "<script>alert(1)</script> `<b>`"))

    page = Page(docs_page(hostile))

    assert "script" not in page.elements
    assert "<script>alert(1)</script> <b>" in page.text


async def test_the_api_serves_it_without_leave_to_run_anything(call: httpx.AsyncClient):
    answer = await call.get("/docs")

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "Version 1.2.3" in answer.text
