"""Every Python block of the README and the docs runs, against a real server.

A block that begins with the comment `# images.py` is a kinds file, and the server serves its kinds. Any other is run:
in a folder with a photo under every name that it mentions, with `SAFELIGHT_URL` and `SAFELIGHT_API_KEY` set to the
server's, which also stand in for the example address and the example key. Names that one block of a page binds are
there in the next.
"""

import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sybil import Document, Example
from sybil.parsers.markdown import PythonCodeBlockParser

from safelight.apps.kinds import EXAMPLES, load_kinds
from safelight.testing.server import Server

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

KINDS_FILE = "# images.py"
WEBHOOK_SECRET = "whsec_dGhlIHNlY3JldCBvZiB0aGUgdGVzdHMsIDMyIGJ5dGVz"
"""Signs what is asked by kinds with rules=Webhook(...)."""
EXAMPLE_ADDRESS = re.compile(r"https?://(?:127\.0\.0\.1:8080|localhost:8080|images\.example)")
EXAMPLE_KEY = re.compile(r"sl_\.\.\.")
PHOTO_NAMES = re.compile(r"""["']([\w-]+\.(?:jpe?g|png|webp|heic))["']""")


def blocks() -> dict[Path, list[Example]]:
    """Return the blocks of every page that has some."""
    found: dict[Path, list[Example]] = defaultdict(list)
    for page in PAGES:
        document = Document.parse(str(page), PythonCodeBlockParser())
        found[page] += document.examples()
    return {page: some for page, some in found.items() if some}


BLOCKS = blocks()
KINDS = [one for some in BLOCKS.values() for one in some if one.parsed.startswith(KINDS_FILE)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with every kind that the docs declare, and the example kinds beside them."""
    folder = tmp_path_factory.mktemp("docs")
    kinds = folder / "images.py"
    examples = "from safelight.apps.kinds import EXAMPLES\nglobals().update(EXAMPLES)\n"
    kinds.write_text(examples + "\n".join(block.parsed for block in KINDS))
    settings = {"kinds": str(kinds), "min_free_bytes": "0", "webhook_secret": WEBHOOK_SECRET}
    with Server(folder / "data", settings) as server:
        yield server


def test_the_readme_declares_a_kind_and_uploads_an_image():
    readme = [block.parsed for block in BLOCKS[PAGES[0]]]

    assert any(block.startswith(KINDS_FILE) for block in readme)
    assert any("upload(" in block for block in readme)


@pytest.mark.parametrize("block", KINDS, ids=lambda block: f"{Path(block.path).name}:{block.line}")
def test_every_kinds_file_can_be_loaded(block: Example, tmp_path: Path):
    kinds = tmp_path / "images.py"
    kinds.write_text(block.parsed)

    assert load_kinds(kinds)
    assert load_kinds(kinds).keys().isdisjoint(EXAMPLES)


def test_no_two_blocks_declare_one_kind():
    declared = [name for block in KINDS for name in re.findall(r"""\bKind\(\s*"([\w-]+)\"""", block.parsed)]

    assert len(declared) == len(set(declared)), "one of them would be served in the place of the other"


@pytest.mark.parametrize("page", BLOCKS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_python_block_of_a_page_runs(
    page: Path, server: Server, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAFELIGHT_URL", server.url)
    monkeypatch.setenv("SAFELIGHT_API_KEY", server.key)
    names: dict[str, Any] = {"__name__": "docs"}

    for block in BLOCKS[page]:
        text = EXAMPLE_KEY.sub(server.key, EXAMPLE_ADDRESS.sub(server.url, block.parsed))
        for name in PHOTO_NAMES.findall(text):
            shutil.copy(photo, tmp_path / name)
        where = f"{page.name}, line {block.line}"
        exec(compile("\n" * block.line + text, where, "exec"), names)  # noqa: S102 - the documentation is ours
