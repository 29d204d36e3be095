"""The fields of a rate limit."""

from safelight.http.rate_headers import headers_of
from safelight.ports.rate_limiter import Rate, Remaining


def test_both_fields_name_the_policy_and_say_what_is_left_and_when_there_is_more():
    assert headers_of(Remaining(Rate("address", 600), calls=599, reset=60)) == {
        "ratelimit-policy": '"address";q=600;w=60',
        "ratelimit": '"address";r=599;t=60',
    }
