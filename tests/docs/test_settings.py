"""The pages of settings and errors say what the code says, and the README names every page."""

import re
from pathlib import Path

import pytest

from safelight.cli import error_page
from safelight.cli.settings import page
from safelight.domain.errors import SENTENCES, Reason, SafelightError
from safelight.settings import Settings, names

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def leaves(error: type[SafelightError]) -> list[type[SafelightError]]:
    """Return every error that has a code."""
    own = [error] if "code" in vars(error) else []
    return [*own, *(leaf for child in error.__subclasses__() for leaf in leaves(child))]


def test_the_page_of_settings_is_what_make_docs_writes() -> None:
    assert (DOCS / "settings.md").read_text() == page()


def test_the_page_of_errors_is_what_make_docs_writes() -> None:
    assert (DOCS / "errors.md").read_text() == error_page.page()


def test_every_setting_stands_on_its_page_with_a_meaning() -> None:
    written = page()

    for name in Settings.model_fields:
        assert re.search(rf"\| `{names()[name]}` \| [\w ]+ \| \S+ \| \w[^|]+ \|", written), name


def test_every_error_and_every_reason_stands_on_its_page() -> None:
    written = error_page.page()

    ours = {error.code for error in leaves(SafelightError) if error.__module__ == "safelight.domain.errors"}
    assert ours - {"image_rejected"} <= set(re.findall(r"^\| `(\w+)` \| \d", written, re.MULTILINE))
    for reason in Reason:
        assert f"| `{reason}` | {SENTENCES[reason]} |" in written


@pytest.mark.parametrize("name", ["settings", "webhooks", "errors", "limits", "keys"])
def test_the_readme_leads_to_the_page(name: str) -> None:
    assert f"(docs/{name}.md)" in (ROOT / "README.md").read_text()
    assert (DOCS / f"{name}.md").is_file()
