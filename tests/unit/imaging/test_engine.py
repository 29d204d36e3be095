"""What the image library may still do once it is set up."""

from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest
import pyvips

from safelight.domain.formats import InputFormat
from safelight.imaging.engine import LOADERS
from safelight.imaging.load import OPENERS
from safelight.testing import corpus


@pytest.mark.parametrize("loader", ["jpegload", "pngload", "tiffload", "svgload", "pdfload", "rawload", "csvload"])
def test_no_loader_opens_a_path(loader: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(corpus.save(corpus.picture(), "JPEG"))

    with pytest.raises((pyvips.Error, AttributeError)):
        getattr(pyvips.Image, loader)(str(path))


@pytest.mark.parametrize("loader", ["svgload_buffer", "uhdrload_buffer", "magickload_buffer", "jxlload_buffer"])
def test_no_other_loader_runs(loader: str) -> None:
    with pytest.raises((pyvips.Error, AttributeError)):
        getattr(pyvips.Image, loader)(b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')


def test_nothing_is_guessed_to_be_an_svg() -> None:
    with pytest.raises(pyvips.Error):
        pyvips.Image.new_from_buffer(b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "")


def test_nothing_is_written_by_libvips(vips_image: Callable[..., pyvips.Image], tmp_path: Path) -> None:
    with pytest.raises(pyvips.Error):
        vips_image(PIL.Image.new("RGB", (2, 2))).pngsave(str(tmp_path / "out.png"))


def test_every_loader_that_may_run_is_there() -> None:
    for loader in LOADERS:
        assert pyvips.Introspect.get(loader)


def test_there_is_an_opener_for_every_format() -> None:
    assert set(OPENERS) == set(InputFormat)
