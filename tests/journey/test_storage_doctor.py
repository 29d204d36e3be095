"""`safelight doctor --storage`: on a real S3 server it tells a sound bucket from one that is set up wrongly."""

import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from safelight.adapters.s3 import rules
from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.bucket_rules import CORS, LIFECYCLE, BucketRules
from safelight.adapters.s3.rules import CorsRule, LifecycleRule
from safelight.adapters.system import SystemClock
from safelight.apps.doctor.bucket.examine import examine_bucket
from safelight.apps.doctor.finding import Finding, Level
from safelight.apps.storage_setup import open_requests, plan_setup
from safelight.settings import Settings

ORIGIN = "https://app.example"

Examine = Callable[..., Awaitable[dict[str, Finding]]]
EVERYTHING = {
    "bucket",
    "clock",
    "public endpoint",
    "upload",
    "forged",
    "other key",
    "oversized",
    "undersized",
    "other type",
    "added headers",
    "upload rights",
    "expired",
    "replayed",
    "forms",
    "parts",
    "private objects",
    "detours",
    "incoming objects",
    "listing",
    "writing",
    "public objects",
    "CORS",
    "lifecycle",
    "least rights",
}


@pytest.fixture
async def bucket(own_bucket: str) -> AsyncIterator[BucketRules]:
    """The rules of a bucket that is set up."""
    async with open_requests(S3Address.parse(own_bucket)) as requests:
        bucket = BucketRules(requests)
        for change in await plan_setup(bucket, S3Address.parse(own_bucket), _settings(own_bucket)):
            assert change.make is not None
            await change.make()
        yield bucket


@pytest.fixture
def examine(own_bucket: str) -> Examine:
    """Examines that bucket; return the findings by name."""

    async def examined(url: str = own_bucket) -> dict[str, Finding]:
        looking = examine_bucket(url, _settings(url), clock=SystemClock())
        return {finding.name: finding async for finding in looking}

    return examined


def _settings(url: str) -> Settings:
    return Settings(storage_url=url, allowed_origins=(ORIGIN,))


def levels(found: dict[str, Finding]) -> dict[str, Level]:
    """Return what is not well."""
    return {name: finding.level for name, finding in found.items() if finding.level is not Level.OK}


@pytest.mark.usefixtures("bucket")
async def test_all_is_well_with_a_bucket_that_is_set_up_and_nothing_is_left_behind(examine: Examine, own_bucket: str):
    found = await examine()

    assert levels(found) == {}, found
    assert found.keys() == EVERYTHING
    assert found["replayed"].seen.endswith("refused (412 PreconditionFailed)")
    async with open_requests(S3Address.parse(own_bucket)) as requests:
        for query in ("list-type", "uploads"):
            listing = rules.parsed((await requests.send("GET", params={query: "2"})).content)
            assert listing.find("Contents") is None
            assert listing.find("Upload") is None


async def test_a_fresh_bucket_lacks_its_rules(examine: Examine):
    found = await examine()

    assert levels(found) == {"CORS": Level.WRONG, "public objects": Level.WRONG, "lifecycle": Level.WARNING}
    assert all("safelight storage setup --apply" in found[name].cure for name in levels(found))


async def test_a_policy_that_opens_everything_is_found(bucket: BucketRules, examine: Examine, own_bucket: str):
    everything = f"arn:aws:s3:::{S3Address.parse(own_bucket).bucket}"
    opened = {
        "Sid": "Open",
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject", "s3:ListBucket", "s3:PutObject"],
        "Resource": [everything, f"{everything}/*"],
    }
    await bucket.put_policy(rules.policy_with({}, [opened]))

    found = await examine()

    assert levels(found) == dict.fromkeys(("private objects", "incoming objects", "listing", "writing"), Level.WRONG)


async def test_cors_for_any_origin_is_found(bucket: BucketRules, examine: Examine):
    document = await bucket.document(CORS)
    anyone = CorsRule("anyone", ("*",), rules.METHODS, ("*",), rules.EXPOSED, 60)
    await bucket.put_document(CORS, rules.with_ours(document, [anyone]))

    found = await examine()

    assert levels(found) == {"CORS": Level.WRONG}
    assert "pages of any origin may upload" in found["CORS"].seen


async def test_an_etag_that_pages_may_not_see_is_found(bucket: BucketRules, examine: Examine):
    ours = CorsRule("safelight-pages", (ORIGIN,), rules.METHODS, rules.HEADERS, (), 60)
    await bucket.put_document(CORS, rules.with_ours(await bucket.document(CORS), [ours]))

    found = await examine()

    assert levels(found) == {"CORS": Level.WRONG}
    assert "ETag" in found["CORS"].seen


@pytest.mark.parametrize("hasty", [LifecycleRule("hasty", "incoming/", 1), LifecycleRule("hasty", "", 365)])
async def test_a_rule_that_removes_what_is_needed_is_found(bucket: BucketRules, examine: Examine, hasty: LifecycleRule):
    await bucket.put_document(LIFECYCLE, rules.with_ours(await bucket.document(LIFECYCLE), [hasty]))

    found = await examine()

    assert found["lifecycle"].level is Level.WRONG
    assert "hasty" in found["lifecycle"].seen


@pytest.mark.usefixtures("bucket")
async def test_a_profile_that_counts_on_less_is_warned_of_what_then_protects(examine: Examine, own_bucket: str):
    found = await examine(own_bucket.replace("profile=ceph", "profile=generic"))

    assert levels(found) == {
        "replayed": Level.WARNING,
        "added headers": Level.WRONG,
        "upload rights": Level.WARNING,
    }
    assert "SAFELIGHT_UPLOAD_ACCESS_KEY_ID" in found["upload rights"].cure
    assert "the worker reads by ETag" in found["replayed"].cure
    assert found["forms"].seen.startswith("not offered")
    assert found["added headers"].seen.endswith("made a copy of another object and an object that everybody may read")


@pytest.mark.usefixtures("bucket")
async def test_a_public_endpoint_that_leads_nowhere_is_found(examine: Examine, own_bucket: str, unused_tcp_port: int):
    found = await examine(f"{own_bucket}&public_endpoint=http://127.0.0.1:{unused_tcp_port}")

    assert found["bucket"].level is Level.OK
    assert found["public endpoint"].level is Level.WRONG
    assert found["upload"].level is Level.WRONG


async def test_credentials_that_are_refused_end_the_examination(examine: Examine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

    found = await examine()

    assert levels(found) == {"bucket": Level.WRONG}
    assert "refuses our credentials" in found["bucket"].seen


def test_the_command_says_so_for_people_and_as_json(
    command: Callable[..., subprocess.CompletedProcess[str]], own_bucket: str
):
    for_people = command("doctor", "--storage", storage_url=own_bucket)
    as_json = command("doctor", "--storage", "--json", storage_url=own_bucket)
    without = command("doctor", "--storage")

    assert (for_people.returncode, as_json.returncode, without.returncode) == (1, 1, 2)
    assert "1 wrong, 2 to know of" in for_people.stdout
    assert {one["name"] for one in json.loads(as_json.stdout)} == EVERYTHING
    assert "SAFELIGHT_STORAGE_URL" in without.stderr
