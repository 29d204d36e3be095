"""What a file claims, read without a library."""

from io import BytesIO
from typing import Any

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.domain.formats import OutputFormat
from safelight.domain.geometry import Size
from safelight.domain.measure import MAX_JPEG_SEGMENTS, measure

WRITTEN: list[tuple[OutputFormat, str, dict[str, Any]]] = [
    (OutputFormat.JPEG, "RGB", {}),
    (OutputFormat.JPEG, "RGB", {"progressive": True}),
    (OutputFormat.PNG, "RGB", {}),
    (OutputFormat.PNG, "RGBA", {}),
    (OutputFormat.WEBP, "RGB", {}),
    (OutputFormat.WEBP, "RGBA", {}),
    (OutputFormat.WEBP, "RGBA", {"lossless": True}),
    (OutputFormat.AVIF, "RGB", {}),
    (OutputFormat.AVIF, "RGBA", {}),
]


def written(fmt: OutputFormat, mode: str, options: dict[str, Any]) -> bytes:
    image = PIL.Image.new(mode, (300, 7))
    image.putpixel((1, 1), (9, 9, 9, 9)[: len(mode)])
    file = BytesIO()
    image.save(file, fmt.value, **options)
    return file.getvalue()


@pytest.mark.parametrize(("fmt", "mode", "options"), WRITTEN)
def test_format_and_size_of_what_encoders_write_are_read(fmt: OutputFormat, mode: str, options: dict[str, Any]) -> None:
    assert measure(written(fmt, mode, options)) == (fmt, Size(300, 7))


@pytest.mark.parametrize(("fmt", "mode", "options"), WRITTEN)
def test_a_file_cut_off_anywhere_is_read_the_same_or_not_at_all(
    fmt: OutputFormat, mode: str, options: dict[str, Any]
) -> None:
    content = written(fmt, mode, options)

    assert {measure(content[:length]) for length in range(len(content))} <= {None, (fmt, Size(300, 7))}


@given(st.binary(max_size=100))
def test_noise_is_nothing(content: bytes) -> None:
    assert measure(content) is None


def test_a_file_of_nothing_but_segments_is_given_up() -> None:
    content = written(OutputFormat.JPEG, "RGB", {})
    padded = content[:2] + b"\xff\xe0\x00\x02" * MAX_JPEG_SEGMENTS + content[2:]

    assert measure(padded) is None
