"""The example kinds as a file."""

from pathlib import Path

from safelight.apps.kinds import EXAMPLES, load_kinds

PHOTOS = Path(__file__).parents[2] / "examples/photos.py"


def test_it_declares_what_is_served_without_a_file() -> None:
    declared = load_kinds(PHOTOS)

    assert {name: declared[name] for name in declared} == {name: EXAMPLES[name] for name in EXAMPLES}
