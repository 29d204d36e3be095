"""What is counted on, provider by provider."""

import pytest

from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.profiles import PROFILES, Profile


def test_the_profiles_are_those_of_the_documentation():
    assert set(PROFILES) == {"aws", "r2", "b2", "gcs", "minio", "ceph", "generic"}


def test_nothing_is_counted_on_at_a_provider_that_nobody_knows():
    generic = PROFILES["generic"]

    assert not any((generic.write_once, generic.post_policy, generic.copy_if_match, generic.checksums))


def test_only_where_it_was_read_or_tried_are_urls_known_to_take_no_headers_that_were_not_signed():
    assert {name for name, profile in PROFILES.items() if profile.refuses_unsigned} == {"aws"}
    assert {name for name, profile in PROFILES.items() if profile.signs_absence} == {"ceph"}


@pytest.mark.parametrize("name", ["r2", "b2"])
def test_who_takes_no_forms_is_asked_for_none(name: str):
    assert not PROFILES[name].post_policy


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_a_profile_makes_an_address_of_what_its_customers_know(profile: Profile):
    name = profile.name
    given = {"region": profile.region is None and "here", "endpoint": profile.endpoint is None and "https://s3.example"}
    query = "&".join(f"{parameter}={value}" for parameter, value in given.items() if value)

    address = S3Address.parse(f"s3://bucket?profile={name}&{query}")

    assert (address.profile, address.path_style) == (profile, profile.path_style)
    assert "{" not in address.endpoint
