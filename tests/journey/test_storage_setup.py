"""`safelight storage setup`: what a bucket is told, on a real S3 server."""

from typing import Any

import httpx

from safelight.adapters.s3.address import S3Address

ORIGIN = "https://app.example"
FOREIGN = "https://evil.example"


def preflight(url: str, origin: str) -> httpx.Response:
    asked = {
        "origin": origin,
        "access-control-request-method": "PUT",
        "access-control-request-headers": "content-type,if-none-match",
    }
    return httpx.options(S3Address.parse(url).public_url("incoming/20261101/x.1"), headers=asked)


def test_a_bucket_is_set_up_once_and_then_nothing_is_to_be_changed(command: Any, own_bucket: str):
    given = {"storage_url": own_bucket, "allowed_origins": ORIGIN}

    looked = command("storage", "setup", **given)
    applied = command("storage", "setup", "--apply", "--yes", **given)
    again = command("storage", "setup", "--apply", "--yes", **given)

    assert (looked.returncode, applied.returncode, again.returncode) == (0, 0, 0), applied.stderr
    assert "Nothing was changed: --apply does it." in looked.stdout
    assert "+         <AllowedOrigin>https://app.example" in applied.stdout.replace("+     ", "+         ")
    assert applied.stdout.count(": done") == 3
    assert again.stdout.count("as it should be") == 3
    assert "Nothing is to be changed." in again.stdout


def test_then_pages_of_the_allowed_origin_may_upload_and_no_others(command: Any, own_bucket: str):
    before = preflight(own_bucket, ORIGIN)
    command("storage", "setup", "--apply", "--yes", storage_url=own_bucket, allowed_origins=ORIGIN)

    allowed, foreign = preflight(own_bucket, ORIGIN), preflight(own_bucket, FOREIGN)

    assert "access-control-allow-origin" not in before.headers
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-origin" not in foreign.headers


def test_rules_that_are_not_ours_stay(command: Any, own_bucket: str):
    first = {"storage_url": own_bucket, "allowed_origins": ORIGIN}
    command("storage", "setup", "--apply", "--yes", **first)
    of_a_part = {"storage_url": f"{own_bucket}&prefix=part", "allowed_origins": "https://other.example"}

    command("storage", "setup", "--apply", "--yes", **of_a_part)

    assert "Nothing is to be changed." in command("storage", "setup", **first).stdout
    assert "Nothing is to be changed." in command("storage", "setup", **of_a_part).stdout


def test_the_policy_of_an_uploader_is_put_beside_the_others_where_one_is_named(command: Any, own_bucket: str):
    given = {"storage_url": own_bucket, "allowed_origins": ORIGIN}
    uploader = ("--uploader", "arn:aws:iam:::user/test:uploads")

    applied = command("storage", "setup", *uploader, "--apply", "--yes", **given)
    again = command("storage", "setup", *uploader, **given)

    assert applied.returncode == 0, applied.stderr
    assert '+       "Sid": "SafelightUploadsOnly",' in applied.stdout
    assert "Nothing is to be changed." in again.stdout


def test_without_a_yes_nothing_is_changed(command: Any, own_bucket: str):
    given = {"storage_url": own_bucket, "allowed_origins": ORIGIN}

    refused = command("storage", "setup", "--apply", **given)

    assert refused.returncode == 1
    assert "to be changed" in command("storage", "setup", **given).stdout


def test_a_refused_call_names_the_right_that_is_lacking(command: Any, own_bucket: str, monkeypatch: Any):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

    refused = command("storage", "setup", storage_url=own_bucket, allowed_origins=ORIGIN)

    assert refused.returncode == 1
    assert "give them the right s3:GetBucketCORS" in " ".join(refused.stderr.split())
