"""How a file is cut into parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.domain.multipart import LEAST_PART_BYTES, MOST_PARTS, Division

MIB = 1 << 20


@pytest.mark.parametrize(
    ("size", "part_bytes", "count"),
    [
        (1, 8 * MIB, 1),
        (8 * MIB, 8 * MIB, 1),
        (8 * MIB + 1, 8 * MIB, 2),
        (100_000_001, 8 * MIB, 12),
        (10_000 * 8 * MIB, 8 * MIB, 10_000),
        (10_000 * 8 * MIB + 1, 8 * MIB + 1, 10_000),
    ],
)
def test_uploads_that_are_under_way_count_on_these_sizes(size: int, part_bytes: int, count: int):
    division = Division(size)

    assert (division.part_bytes, division.count) == (part_bytes, count)


@given(st.integers(min_value=1, max_value=5 << 40))
def test_the_parts_are_the_file_and_no_store_refuses_them(size: int):
    division = Division(size)
    others = {division.bytes_of(number) for number in (1, division.count - 1) if 0 < number < division.count}
    last = division.bytes_of(division.count)

    assert division.part_bytes * (division.count - 1) + last == size
    assert others <= {division.part_bytes}
    assert 1 <= last <= division.part_bytes
    assert division.count <= MOST_PARTS
    assert division.part_bytes >= LEAST_PART_BYTES
