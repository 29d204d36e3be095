"""Credentials that only sign uploads, on a real S3 server: a whole journey with them, and what they cannot do."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import PIL.Image
import pytest

from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.bucket_rules import BucketRules
from safelight.adapters.system import SystemClock
from safelight.apps.doctor.bucket.examine import examine_bucket
from safelight.apps.doctor.finding import Finding, Level
from safelight.apps.storage import open_bucket, open_uploader
from safelight.apps.storage_setup import open_requests, plan_setup
from safelight.domain.keys import Key
from safelight.settings import Settings
from safelight.testing.ceph import CephServer
from safelight.testing.server import Server

ORIGIN = "https://app.example"
KINDS = """
from safelight import Kind, cover

scan = Kind("scan", accept="tiff", max_bytes="1GB", variants={"thumb": cover(96, 96)})
"""
PART_BYTES = 8 << 20
IMAGE = "0190aaaabbbbccccddddeeeeffff0123"
INCOMING = Key(f"incoming/20261101/{IMAGE}.1")
ORIGINAL = Key(f"private/{IMAGE}/original")


@pytest.fixture(scope="module")
def ceph() -> Iterator[CephServer]:
    with CephServer() as ceph:
        yield ceph


@pytest.fixture
def url(ceph: CephServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The setting of an empty bucket; whatever is started may use it."""
    for name, value in ceph.environment.items():
        monkeypatch.setenv(name, value)
    return ceph.storage_url(ceph.create_bucket())


async def set_up(url: str, uploader: str) -> None:
    """Do as `safelight storage setup --apply --uploader`."""
    async with open_requests(S3Address.parse(url)) as requests:
        using = Settings(storage_url=url, allowed_origins=(ORIGIN,))
        for change in await plan_setup(BucketRules(requests), S3Address.parse(url), using, uploader=uploader):
            assert change.make is not None
            await change.make()


@pytest.fixture
async def given(ceph: CephServer, url: str) -> Mapping[str, str]:
    """The settings of a bucket that is set up, and of credentials that may only upload to it."""
    arn, keys = ceph.create_uploader()
    await set_up(url, arn)
    return {"storage_url": url, **keys}


async def examined(settings: Mapping[str, Any]) -> dict[str, Finding]:
    using = Settings(allowed_origins=(ORIGIN,), **settings)
    looking = examine_bucket(settings["storage_url"], using, clock=SystemClock())
    return {finding.name: finding async for finding in looking}


def levels(found: dict[str, Finding]) -> dict[str, Level]:
    """Return what is not well."""
    return {name: finding.level for name, finding in found.items() if finding.level is not Level.OK}


async def test_the_doctor_proves_that_they_do_nothing_else(given: Mapping[str, str]):
    found = await examined(given)

    assert levels(found) == {}, found
    assert "read, list, copy and delete nothing" in found["upload rights"].seen


async def test_no_header_that_was_not_signed_does_harm_where_the_server_hears_them(given: Mapping[str, str]):
    generic = {**given, "storage_url": given["storage_url"].replace("profile=ceph", "profile=generic")}

    found = await examined(generic)

    assert levels(found) == {"replayed": Level.WARNING}, found
    assert found["added headers"].seen.endswith("(403 AccessDenied, 403 AccessDenied, 403 AccessDenied)")


async def test_a_part_is_no_copy_of_another_object_either(given: Mapping[str, str]):
    using = Settings(**{**given, "storage_url": given["storage_url"].replace("profile=ceph", "profile=generic")})  # type: ignore[arg-type]  # as text
    address, now = S3Address.parse(str(using.storage_url)), datetime.now(UTC)
    copying = {"x-amz-copy-source": f"{address.bucket}/{ORIGINAL}"}

    async with (
        open_uploader(address, using) as uploader,
        open_bucket(address, uploader=uploader) as (objects, _),
        httpx.AsyncClient() as browser,
    ):
        await objects.put(ORIGINAL, b"an original", content_type="image/jpeg")
        begun = await objects.multipart.begin(INCOMING, content_type="image/jpeg")
        [part] = await objects.multipart.sign_parts(
            INCOMING, begun, {1: 4}, begins_at=now, expires_at=now + timedelta(minutes=5)
        )
        refused = await browser.put(part.url, content=b"part", headers=copying)
        taken = await browser.put(part.url, content=b"part")
        parts = await objects.multipart.parts(INCOMING, begun)

    assert (refused.status_code, taken.status_code) == (403, 200)
    assert [part.bytes for part in parts] == [4]


async def test_the_doctor_tells_of_credentials_that_can_do_more(ceph: CephServer, url: str):
    _, subuser = ceph.create_uploader()
    names = ("upload_access_key_id", "upload_secret_access_key")
    ours = dict(zip(names, ceph.environment.values(), strict=True))

    without_a_policy, everything = [await examined({"storage_url": url, **keys}) for keys in (subuser, ours)]

    assert without_a_policy["upload rights"].seen.endswith("can do more: write elsewhere, delete an upload")
    assert everything["upload rights"].seen.endswith(
        "can do more: read an original, read an upload, list, write elsewhere, copy an original, copy an upload, "
        "delete an upload"
    )
    assert without_a_policy["upload rights"].level is everything["upload rights"].level is Level.WRONG


async def test_refusals_mean_nothing_where_no_upload_is_taken(given: Mapping[str, str]):
    found = await examined({**given, "upload_secret_access_key": "wrong"})

    assert found["upload"].level is found["upload rights"].level is Level.WRONG
    assert "no upload is taken" in found["upload rights"].seen


async def test_the_doctor_knows_servers_on_which_whoever_writes_deletes(given: Mapping[str, str]):
    address = S3Address.parse(given["storage_url"])
    async with open_requests(address) as requests:
        bucket = BucketRules(requests)
        policy = await bucket.policy()
        await bucket.put_policy(json.loads(json.dumps(policy).replace('"s3:Delete*", ', "")))

    found = await examined(given)

    assert levels(found) == {"upload rights": Level.WARNING}
    assert "no upload URL does it" in found["upload rights"].cure


async def test_the_doctor_tells_that_what_another_user_uploads_cannot_be_read(ceph: CephServer, url: str):
    arn, keys = ceph.create_uploader(subuser=False)
    await set_up(url, arn)

    found = await examined({"storage_url": url, **keys})

    assert found["upload"].level is Level.WRONG
    assert "subuser" in found["upload"].cure
    assert found["upload rights"].level is Level.OK


def test_images_go_the_whole_road_by_each_transport_signed_by_them_alone(
    given: Mapping[str, str], tmp_path: Path, call_as_application: Callable[[Server], AbstractContextManager[Any]]
):
    settings = {"kinds": str(tmp_path / "images.py"), "multipart_above": "6MB", "min_free_bytes": "0", **given}
    (tmp_path / "images.py").write_text(KINDS)
    files = {"put": tiff(600), "post": tiff(601), "multipart": tiff(1800)}

    with Server(tmp_path / "data", settings) as server, call_as_application(server) as api:
        made = {how: api.request(content, kind="scan", **asked(how)) for how, content in files.items()}
        signed = [name for how, content in files.items() for name in sent(api, made[how], content)]
        confirmed = [api.confirm(one["id"]).status_code for one in made.values()]
        final = [api.final(one["id"]) for one in made.values()]
        thumb = final[0]["variants"]["thumb"]["renditions"][0]["url"]
        shown = api.http.get(thumb, follow_redirects=True)

    assert [one["upload"]["transport"] for one in made.values()] == [*files]
    assert signed == [given["upload_access_key_id"]] * 4
    assert confirmed == [202] * 3
    assert [one["status"] for one in final] == ["ready"] * 3
    assert shown.is_success
    assert signer({"url": str(shown.url)}) not in signed
    assert given["upload_secret_access_key"] not in server.log


def sent(api: Any, requested: dict[str, Any], content: bytes) -> list[str]:
    """Send a file in the way that was permitted, and return which access keys have signed that."""
    if requested["upload"]["transport"] != "multipart":
        api.upload(requested["upload"], content).raise_for_status()
        return [signer(requested["upload"])]
    parts = api.http.post(f"/v1/images/{requested['id']}/parts", json={"numbers": [1, 2]}).json()["parts"]
    for part in parts:
        start = (part["number"] - 1) * PART_BYTES
        httpx.put(part["url"], content=content[start : start + part["bytes"]]).raise_for_status()
    return [signer(part) for part in parts]


def tiff(edge: int) -> bytes:
    """Return a file of three bytes a pixel."""
    file = BytesIO()
    PIL.Image.linear_gradient("L").resize((edge, edge)).convert("RGB").save(file, "TIFF")
    return file.getvalue()


def asked(transport: str) -> dict[str, str]:
    """Return what a request says so that it is given this transport; the largest files come in parts unasked."""
    return {"content_type": "image/tiff"} | ({} if transport == "multipart" else {"transport": transport})


def signer(permission: dict[str, Any]) -> str:
    """Return the access key that something was signed with."""
    query = parse_qs(urlsplit(permission["url"]).query)
    credential = permission.get("fields", {}).get("x-amz-credential") or query["X-Amz-Credential"][0]
    return str(credential).partition("/")[0]
