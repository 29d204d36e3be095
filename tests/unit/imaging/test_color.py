"""Which profiles count. (What becomes of the colours is in tests/hostile/test_files.py.)"""

from io import BytesIO

import PIL.ImageCms
import pytest

from safelight.imaging.color import SRGB_PROFILE
from safelight.testing import crafted


@pytest.mark.parametrize("name", [b"sRGB", b"sRGB IEC61966-2.1", b"sRGB built-in"])
def test_a_profile_that_calls_itself_srgb_is_srgb(name: bytes) -> None:
    assert SRGB_PROFILE.search(crafted.icc_profile(name))


def test_a_profile_of_version_4_is_known_as_well() -> None:
    profile = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()

    assert b"desc\0\0\0\0" not in profile
    assert SRGB_PROFILE.search(profile)


@pytest.mark.parametrize("name", [b"Display P3", b"Adobe RGB (1998)", b"not sRGB"])
def test_any_other_profile_is_converted(name: bytes) -> None:
    assert not SRGB_PROFILE.search(crafted.icc_profile(name))


def test_a_made_profile_is_one_that_a_colour_engine_takes() -> None:
    opened = PIL.ImageCms.getOpenProfile(BytesIO(crafted.icc_profile(b"Wide")))

    assert PIL.ImageCms.getProfileDescription(opened).strip() == "Wide"
