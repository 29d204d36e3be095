"""The README leads to every page, and every link leads somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = [README, *sorted(DOCS.rglob("*.md"))]
LED_TO = [page for page in PAGES[1:] if page.parent.name != "decisions"]

LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)")


def links(page: Path) -> list[str]:
    """Return where the links of a page lead in this repository."""
    return LINK.findall(page.read_text())


@pytest.mark.parametrize("page", LED_TO, ids=lambda page: page.stem)
def test_the_readme_leads_to_every_page(page: Path) -> None:
    assert page.relative_to(ROOT).as_posix() in links(README)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [link for link in links(page) if not (page.parent / link).exists()] == []
