"""Webhooks, end to end: to a real receiver, which verifies them as the standard says."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from standardwebhooks import Webhook

from safelight.testing.server import Server

SECRET = "whsec_dGhlIHNlY3JldCBvZiB0aGUgdGVzdHMsIDMyIGJ5dGVz"


def opened(message: tuple[dict[str, str], bytes]) -> dict[str, Any]:
    """Return the message, verified with the public library of the standard."""
    headers, body = message
    verified: dict[str, Any] = Webhook(SECRET).verify(body, headers)
    return verified


def test_a_ready_image_is_announced_with_what_check_says(api: Any, file: bytes, receiver: Any, eventually: Any):
    report = api.ready(file, attach={"type": "user", "id": "42"})

    eventually(lambda: receiver.about(report["id"]))

    (message,) = receiver.about(report["id"])
    said = opened(message)
    assert said["type"] == "image.ready"
    assert said["data"] == api.http.get(f"/v1/images/{report['id']}").json()
    assert message[0]["content-type"] == "application/json"
    assert said["timestamp"] == report["ready_at"]


def test_a_rejected_image_is_announced_with_its_reason(api: Any, receiver: Any, eventually: Any):
    requested = api.uploaded(b"<html>this is no image</html>")

    eventually(lambda: receiver.about(requested["id"]))

    said = opened(receiver.about(requested["id"])[0])
    assert said["type"] == "image.rejected"
    assert said["data"]["error"]["code"] == "not_an_image"
    assert said["data"] == api.final(requested["id"])


def test_a_deleted_image_is_announced(api: Any, file: bytes, receiver: Any, eventually: Any):
    requested = api.request(file)

    api.http.delete(f"/v1/images/{requested['id']}")

    eventually(lambda: receiver.about(requested["id"]))
    said = opened(receiver.about(requested["id"])[0])
    assert (said["type"], said["data"]["status"]) == ("image.deleted", "deleted")


def test_what_did_not_arrive_is_sent_again_under_the_same_id(api: Any, file: bytes, receiver: Any, eventually: Any):
    requested = api.uploaded(file, filename="fails-2-times.jpg")

    eventually(lambda: len(receiver.about(requested["id"])) == 3)

    messages = receiver.about(requested["id"])
    assert len({headers["webhook-id"] for headers, _ in messages}) == 1
    assert {opened(message)["type"] for message in messages} == {"image.ready"}
    assert len({headers["webhook-signature"] for headers, _ in messages}) >= 1
    eventually(lambda: _delivery(api.server, requested["id"])["settled_at"])
    assert _delivery(api.server, requested["id"])["attempts"] == 3


def test_a_message_that_was_altered_or_signed_by_another_is_known(
    api: Any, file: bytes, receiver: Any, eventually: Any
):
    report = api.ready(file)
    eventually(lambda: receiver.about(report["id"]))
    headers, body = receiver.about(report["id"])[0]

    for altered in ((headers, body.replace(b"ready", b"ratty")), (headers | {"webhook-id": "other"}, body)):
        with pytest.raises(Exception, match="signature"):
            opened(altered)


def test_no_webhook_goes_to_a_private_address_unless_a_setting_lets_it(
    start_server: Callable[..., Server], call_as_application: Any, file: bytes, receiver: Any, eventually: Any
):
    before = receiver.connections
    server = start_server(
        webhook_url=receiver.url.replace("http://", "https://"),
        webhook_secret=SECRET,
        webhook_retry_base="0.1",
        min_free_bytes="0",
    )
    with call_as_application(server) as api:
        report = api.ready(file)

        eventually(lambda: _delivery(server, report["id"])["attempts"] >= 2)

    delivery = _delivery(server, report["id"])
    assert "private" in delivery["last_error"] or "public" in delivery["last_error"]
    assert delivery["settled_at"] is None
    assert [json.loads(body)["data"]["id"] for _, body in receiver.requests].count(report["id"]) == 0
    assert receiver.connections == before


def _delivery(server: Server, image_id: str) -> dict[str, Any]:
    """Return the one delivery about an image, as the database has it."""
    with closing(sqlite3.connect(f"file:{server.data}/safelight.db?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        (row,) = database.execute("SELECT * FROM delivery WHERE image_id = ?", [image_id]).fetchall()
        return dict(row)
