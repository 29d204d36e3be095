from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"


@pytest.fixture(params=sorted(DATA.glob("*.sql")), ids=lambda path: path.stem)
def left_behind(request: pytest.FixtureRequest) -> Path:
    """A dump of the records as an earlier revision left them."""
    dump: Path = request.param
    return dump
