"""The application's records against the real server: what is shown and replaced, and that nothing is left behind."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from safelight.testing.server import Server
from safelight_client import Client

KINDS = """
from safelight import Kind, cover

avatar = Kind("avatar", public=True, one_per_record=True, variants={"thumb": cover(96, 96)})
photo = Kind("photo", at_most=3, variants={"thumb": cover(96, 96)})
checked = Kind("checked", public=True, one_per_record=True, review="before", variants={"thumb": cover(96, 96)})
"""

SETTINGS = {
    "upload_ttl": "15",
    "body_timeout": "1",
    "reconcile_every": "1",
    "min_free_bytes": "0",
    "owner_requests_per_minute": "100000",
    "owner_open_uploads": "100000",
    "owner_images": "100000",
}
"""Upload URLs that end soon, so that a purge is settled soon; and owners who may have many images."""

ANN = "ann@example.org"

NO_IMAGE = b"<html>" + b"x" * 5000


@pytest.fixture(scope="module")
def records_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that do not kill it."""
    folder = tmp_path_factory.mktemp("records")
    (folder / "images.py").write_text(KINDS)
    with Server(folder / "data", SETTINGS | {"kinds": str(folder / "images.py")}) as server:
        yield server


@pytest.fixture
def application(records_server: Server) -> Iterator[Client]:
    with Client(records_server.url, api_key=records_server.key) as client:
        yield client


@pytest.fixture
def api(records_server: Server, call_as_application: Any) -> Iterator[Any]:
    with call_as_application(records_server) as api:
        yield api


def files(server: Server, image_id: str) -> list[Path]:
    """Return what lies on disk of an image."""
    return [path for path in server.stored() if image_id in str(path)]


def rows(server: Server, query: str, *values: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{server.data}/safelight.db?mode=ro", uri=True)) as database:
        return [row[0] for row in database.execute(query, values)]


def ids(images: Any) -> list[str]:
    return [image.id for image in images]


def test_an_avatar_is_shown_until_the_next_is_ready_and_is_gone_from_the_disk_then(
    application: Client, api: Any, records_server: Server, file: bytes, eventually: Callable[..., None]
):
    user = ("user", "replaces")
    old = application.upload(file, kind="avatar", attach=user, filename="a.jpg")
    requested = api.request(file, kind="avatar", attach={"type": "user", "id": "replaces"})
    url = old.variants["thumb"].renditions[0].url

    waiting = application.attached(user, kind="avatar")
    shown = httpx.get(url).status_code
    assert api.upload(requested["upload"], file).status_code == 201
    assert api.confirm(requested["id"]).status_code == 202
    assert api.final(requested["id"])["status"] == "ready"

    assert (ids(waiting.images), ids(waiting.pending), shown) == ([old.id], [requested["id"]], 200)
    assert ids(application.attached(user, kind="avatar").images) == [requested["id"]]
    eventually(lambda: not files(records_server, old.id))
    assert httpx.get(url).status_code == 404
    assert files(records_server, requested["id"])


def test_a_rejected_avatar_leaves_the_one_before(application: Client, api: Any, file: bytes):
    user = ("user", "rejected")
    old = application.upload(file, kind="avatar", attach=user, filename="a.jpg")

    new = api.uploaded(NO_IMAGE, kind="avatar", attach={"type": "user", "id": "rejected"})
    assert api.final(new["id"])["status"] == "rejected"

    attached = application.attached(user)
    assert (ids(attached.images), ids(attached.pending)) == ([old.id], [])
    assert httpx.get(old.variants["thumb"].renditions[0].url).status_code == 200


def test_an_avatar_that_was_uploaded_before_can_be_chosen(application: Client, file: bytes):
    old = application.upload(file, kind="avatar", attach=("user", "chooses"), filename="a.jpg")
    other = application.upload(file, kind="avatar", filename="b.jpg")

    attached = application.attach(other, to=("user", "chooses"), kind="avatar")

    assert ids(attached.images) == [other.id]
    assert application.get(old.id).status == "deleted"


def test_of_twelve_avatars_at_once_the_last_that_was_requested_stays(application: Client, api: Any, file: bytes):
    attach = {"type": "user", "id": "hurries"}
    requested = [api.request(file, kind="avatar", attach=attach) for _ in range(12)]

    def send(one: dict[str, Any]) -> int:
        assert api.upload(one["upload"], file).status_code == 201
        return int(api.confirm(one["id"]).status_code)

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(send, requested)) == {202}
    ends = [api.final(one["id"])["status"] for one in requested]

    attached = application.attached(("user", "hurries"))
    assert ids(attached.images) == [requested[-1]["id"]]
    assert attached.pending == ()
    assert ends[-1] == "ready"
    assert {application.get(one["id"]).status for one in requested[:-1]} == {"deleted"}


def test_an_approved_image_takes_the_place(application: Client, api: Any, file: bytes):
    target = {"type": "user", "id": "checked"}
    first, second = [api.uploaded(file, kind="checked", attach=target)["id"] for _ in range(2)]
    for image_id in (first, second):
        assert api.final(image_id)["status"] == "held"

    seen = []
    for image_id in (first, second):
        assert api.http.post(f"/v1/images/{image_id}/review", json={"verdict": "approve"}).status_code == 200
        seen.append(ids(application.attached(("user", "checked")).images))

    assert seen == [[first], [second]]


def test_a_gallery_keeps_its_order_and_takes_so_many(application: Client, api: Any, file: bytes):
    post = ("post", "gallery/7")
    a, b, c = [application.upload(file, kind="photo", attach=post, filename="a.jpg").id for _ in range(3)]
    wanted = {"kind": "photo", "filename": "d.jpg", "size": len(file), "content_type": "image/jpeg"}

    full = api.http.post("/v1/images", json=wanted | {"attach": {"type": "post", "id": "gallery/7"}})
    ordered = application.attach(c, to=post, kind="photo", position=0)
    application.delete(a)
    added = application.upload(file, kind="photo", attach=post, filename="d.jpg").id

    assert (full.status_code, full.json()["code"]) == (422, "record_full")
    assert ids(ordered.images) == [c, a, b]
    assert ids(application.attached(post).images) == [c, b, added]


def test_of_twenty_requests_at_once_a_record_takes_three(api: Any, file: bytes):
    wanted = {"kind": "photo", "filename": "a.jpg", "size": len(file), "content_type": "image/jpeg"}
    free = [api.request(file, kind="photo")["id"] for _ in range(10)]

    def ask(number: int) -> int:
        if number < 10:
            return int(
                api.http.post("/v1/images", json=wanted | {"attach": {"type": "post", "id": "race"}}).status_code
            )
        put = api.http.put("/v1/records/post/race/photo", json={"image_id": free[number - 10]})
        return int(put.status_code)

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(ask, range(20)))

    assert sorted(answers).count(422) == 17
    assert len(api.http.get("/v1/records/post/race").json()["pending"]) == 3


def test_a_deleted_record_leaves_nothing_on_disk(
    application: Client, api: Any, records_server: Server, file: bytes, eventually: Callable[..., None]
):
    post = ("post", "deleted")
    images = [
        application.upload(file, kind=kind, attach=post, filename="a.jpg").id for kind in ("avatar", "photo", "photo")
    ]
    waiting = api.request(file, kind="photo", attach={"type": "post", "id": "deleted"})
    assert api.upload(waiting["upload"], file).status_code == 201

    removed = application.delete_record(post)

    assert (removed.images, removed.bytes) == (4, 4 * len(file))
    assert application.attached(post).images == application.attached(post).pending == ()
    eventually(lambda: not any(files(records_server, one) for one in (*images, waiting["id"])))
    eventually(lambda: not rows(records_server, "SELECT id FROM place WHERE id = ?", "deleted"))


def names(server: Server) -> set[str]:
    """Return the names that the records have of owners, and of what images are attached to."""
    where = (("image", "owner"), ("image", "attached_id"), ("owner", "id"), ("place", "id"), ("answer", "caller"))
    return {name for table, column in where for name in rows(server, f"SELECT {column} FROM {table}")}  # noqa: S608 - names of this test


@pytest.fixture
def killable(tmp_path: Path) -> Iterator[Server]:
    """A server whose records may have any number of photos."""
    (tmp_path / "images.py").write_text(KINDS.replace(", at_most=3", ""))
    with Server(tmp_path / "data", SETTINGS | {"kinds": str(tmp_path / "images.py")}) as server:
        yield server


def images_of_ann(api: Any, file: bytes) -> list[str]:
    """Make more images than one transaction deletes, in several states; return their ids."""
    mine = {"owner": ANN, "attach": {"type": "user", "id": ANN}}
    ready = [api.ready(file, kind=kind, **mine)["id"] for kind in ("avatar", "photo", "photo")]
    rejected = api.uploaded(NO_IMAGE, kind="avatar", **mine)["id"]
    assert api.final(rejected)["status"] == "rejected"
    return [*ready, rejected, *(api.request(file, kind="photo", **mine)["id"] for _ in range(400))]


def test_an_erasure_that_was_killed_is_completed_by_another_and_leaves_nothing(
    killable: Server, file: bytes, eventually: Callable[..., None], call_as_application: Any
):
    with call_as_application(killable) as api, ThreadPoolExecutor(1) as pool:
        images = images_of_ann(api, file)
        other = api.ready(file, kind="avatar", owner="bert", attach={"type": "user", "id": "bert"})["id"]
        asked = pool.submit(api.http.delete, f"/v1/owners/{ANN}")
        eventually(lambda: "deleted" in rows(killable, "SELECT state FROM image"))
        killable.kill()
        assert isinstance(asked.exception(timeout=30), httpx.TransportError)
    left = rows(killable, "SELECT id FROM image WHERE owner = ?", ANN)

    killable.start()
    with Client(killable.url, api_key=killable.key) as application:
        erased = application.erase_owner(ANN)
        listed = [*application.list(owner=ANN), *application.list(attached_to=("user", ANN))]
        assert application.get(other).status == "ready"

    assert 0 < len(left) < len(images)
    assert 0 < erased.images <= len(left)
    assert listed == []
    assert ANN not in names(killable)
    assert "bert" in names(killable)
    eventually(lambda: not any(files(killable, image_id) for image_id in images))
    assert files(killable, other)


def test_an_owner_who_is_erased_from_the_command_line_leaves_nothing(
    killable: Server, file: bytes, eventually: Callable[..., None], call_as_application: Any, command: Any
):
    with call_as_application(killable) as api:
        images = images_of_ann(api, file)

    erased = command("owners", "erase", ANN, "--yes", "--data", killable.data)

    assert erased.returncode == 0, erased.stderr
    assert f"Erased {ANN}:" in erased.stdout
    assert ANN not in names(killable)
    eventually(lambda: not any(files(killable, image_id) for image_id in images))
    doctor = command("doctor", "--data", killable.data, min_free_bytes="0")
    assert doctor.returncode == 0, doctor.stdout
