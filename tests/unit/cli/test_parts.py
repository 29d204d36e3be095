"""`safelight api`, `uploads`, `worker`."""

from collections.abc import Callable

import pytest
from click.testing import Result


@pytest.mark.parametrize("part", ["api", "uploads", "worker"])
def test_a_part_alone_is_refused_in_one_sentence_that_says_what_to_do(run: Callable[..., Result], part: str) -> None:
    refused = run(part)

    assert refused.exit_code == 2
    assert f"`safelight {part}`" in refused.stderr
    assert refused.stderr.endswith("safelight up\n")
