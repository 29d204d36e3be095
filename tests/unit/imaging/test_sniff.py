"""The first bytes decide."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.domain.formats import InputFormat
from safelight.imaging.sniff import sniff
from safelight.testing import corpus


@pytest.mark.parametrize("fmt", [fmt for fmt in InputFormat if fmt is not InputFormat.HEIC])
def test_what_encoders_write_is_known(fmt: InputFormat) -> None:
    assert sniff(corpus.save(corpus.picture(), fmt.value)) is fmt


def test_heic_is_known() -> None:
    assert sniff(corpus.heic(corpus.picture())) is InputFormat.HEIC


@pytest.mark.parametrize(
    ("brands", "fmt"),
    [
        (b"heic\0\0\0\0mif1heic", InputFormat.HEIC),
        (b"mif1\0\0\0\0mif1heic", InputFormat.HEIC),
        (b"msf1\0\0\0\0msf1hevc", InputFormat.HEIC),
        (b"mif1\0\0\0\0mif1avif", InputFormat.AVIF),
        (b"avis\0\0\0\0avif", InputFormat.AVIF),
        (b"mif1\0\0\0\0mif1", None),
        (b"isom\0\0\0\0mp42", None),
        (b"heic", InputFormat.HEIC),
    ],
)
def test_a_file_type_box_is_judged_by_its_brands(brands: bytes, fmt: InputFormat | None) -> None:
    assert sniff(bytes([0, 0, 0, 8 + len(brands)]) + b"ftyp" + brands + b"heic") is fmt


def test_a_file_type_box_that_claims_to_be_endless_is_read_a_little_way() -> None:
    assert sniff(b"\xff\xff\xff\xffftypmif1\0\0\0\0" + bytes(10_000) + b"avif") is None


@given(st.binary(max_size=40))
def test_noise_is_nothing(content: bytes) -> None:
    assert sniff(b"no" + content) is None
