"""The guide to buckets says what the code counts on."""

import re
from pathlib import Path

from safelight.adapters.s3.address import PARAMETERS
from safelight.adapters.s3.profiles import PROFILES

GUIDE = (Path(__file__).parents[2] / "docs/s3.md").read_text()
YES_NO = {True: "yes", False: "no"}


def test_every_profile_is_described_as_it_is():
    rows = dict(re.findall(r"^\| `(\w+)` \|((?: (?:yes|no) \|){4})$", GUIDE, re.MULTILINE))

    assert rows == {
        name: "".join(
            f" {YES_NO[held]} |"
            for held in (
                profile.write_once,
                profile.post_policy,
                bool(profile.checksums),
                profile.copy_if_match,
            )
        )
        for name, profile in PROFILES.items()
    }


def test_every_parameter_is_described():
    assert re.findall(r"^\| `(\w+)` \| (?!(?:yes|no) \|)", GUIDE, re.MULTILINE) == list(PARAMETERS)
