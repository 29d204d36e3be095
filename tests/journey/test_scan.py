"""Files scanned by a real ClamAV, end to end; and what becomes of them while it is down."""

import json
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from safelight.adapters.scan.scanner import KindScanner
from safelight.domain.errors import ImageRejected, ScannerFailed
from safelight.domain.hooks import ClamAV
from safelight.testing.clamav import HARMFUL, MAX_STREAM_BYTES, SIGNATURE, ClamAVDaemon
from safelight.testing.server import Server

ASKED_OFTEN = 4
"""More often than an image may be tried, by the settings of these servers."""

CallAs = Callable[[Server], AbstractContextManager[Any]]


@pytest.fixture
def daemon(clamav: ClamAVDaemon) -> Iterator[ClamAVDaemon]:
    """ClamAV, which a test may kill."""
    yield clamav
    clamav.start()


@pytest.fixture
def start_guarded(start_server: Callable[..., Server], daemon: ClamAVDaemon, tmp_path: Path) -> Callable[..., Server]:
    """Starts servers with two kinds: `photo`, which ClamAV scans, and `own`, which a function does."""
    kinds = tmp_path / "images.py"
    kinds.write_text(
        f"""
from safelight import ClamAV, Kind, fit

async def has_no_marker(source):
    content = b"".join([piece async for piece in source])
    return {HARMFUL!r} not in content

photo = Kind("photo", max_bytes="4MB", scan=ClamAV("{daemon.address}"), variants={{"small": fit(100)}})
own = Kind("own", max_bytes="4MB", scan=has_no_marker, variants={{"small": fit(100)}})
"""
    )

    def start(**settings: str) -> Server:
        quick = {"retry_base": "0.1", "retry_max": "0.3", "max_process_attempts": "2", "body_timeout": "1"}
        return start_server(kinds=str(kinds), min_free_bytes="0", log_format="json", **quick, **settings)

    return start


def logged(server: Server, event: str) -> list[dict[str, Any]]:
    """Return what the server logged of this event."""
    lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


@pytest.mark.parametrize("kind", ["photo", "own"])
def test_a_clean_photo_is_scanned_and_becomes_ready(
    start_guarded: Callable[..., Server], call_as_application: CallAs, file: bytes, kind: str
):
    server = start_guarded()

    with call_as_application(server) as api:
        report = api.final(api.uploaded(file, kind=kind)["id"])
        metrics = api.http.get("/metrics").text

    assert report["status"] == "ready"
    assert 'safelight_latency_seconds_count{part="scanner file"} 1.0' in metrics


@pytest.mark.parametrize("kind", ["photo", "own"])
def test_an_infected_photo_is_rejected_and_nothing_of_it_remains(
    start_guarded: Callable[..., Server], call_as_application: CallAs, file: bytes, eventually: Any, kind: str
):
    """The file is a whole photo, which would be shown: its harm is behind its last pixel."""
    server = start_guarded()

    with call_as_application(server) as api:
        report = api.final(api.uploaded(file + HARMFUL, kind=kind)["id"])

    assert (report["status"], report["error"]["code"], report["variants"]) == ("rejected", "infected", {})
    assert SIGNATURE not in json.dumps(report)
    assert (server.data / "store").is_dir()
    eventually(lambda: not server.stored())
    (line,) = logged(server, "image_rejected")
    assert line["reason"] == "infected"
    assert (SIGNATURE in line.get("detail", "")) is (kind == "photo")


def test_while_clamav_is_down_an_image_waits_and_then_becomes_ready(
    start_guarded: Callable[..., Server],
    call_as_application: CallAs,
    file: bytes,
    eventually: Any,
    daemon: ClamAVDaemon,
):
    server = start_guarded()
    daemon.kill()

    with call_as_application(server) as api:
        image_id = api.uploaded(file)["id"]
        eventually(lambda: len(logged(server, "image_waits_for_scanner")) >= ASKED_OFTEN)
        waiting = api.http.get(f"/v1/images/{image_id}").json()
        metrics = api.http.get("/metrics").text
        daemon.start()
        report = api.final(image_id)

    assert (waiting["status"], waiting["error"]) == ("uploaded", None)
    assert 'safelight_steps_total{outcome="scanner_failed",step="process"}' in metrics
    assert report["status"] == "ready"
    assert {line["attempt"] for line in logged(server, "image_waits_for_scanner")} == {0}
    assert [line["attempt"] for line in logged(server, "image_processed")] == [1]


def test_an_image_waits_over_a_restart_of_the_server(
    start_guarded: Callable[..., Server],
    call_as_application: CallAs,
    file: bytes,
    eventually: Any,
    daemon: ClamAVDaemon,
):
    server = start_guarded(reconcile_every="0.2")
    daemon.kill()
    with call_as_application(server) as api:
        image_id = api.uploaded(file)["id"]
    eventually(lambda: logged(server, "image_waits_for_scanner"))

    server.kill()
    daemon.start()
    server.start()

    with call_as_application(server) as api:
        assert api.final(image_id)["status"] == "ready"


def test_by_setting_an_image_becomes_ready_unscanned_and_that_is_on_record(
    start_guarded: Callable[..., Server], call_as_application: CallAs, file: bytes, daemon: ClamAVDaemon
):
    server = start_guarded(scanner_down="accept")
    daemon.kill()

    with call_as_application(server) as api:
        image_id = api.uploaded(file)["id"]
        report = api.final(image_id)
        metrics = api.http.get("/metrics").text

    assert report["status"] == "ready"
    (line,) = logged(server, "image_processed_unscanned")
    assert (line["level"], line["image_id"]) == ("warning", image_id)
    assert 'safelight_steps_total{outcome="unscanned",step="process"} 1.0' in metrics


def test_the_doctor_says_which_kinds_have_no_scanner(
    start_guarded: Callable[..., Server],
    command: Callable[..., subprocess.CompletedProcess[str]],
    daemon: ClamAVDaemon,
    tmp_path: Path,
):
    start_guarded().stop()

    up = command("doctor", "--json", port="0", data=str(tmp_path / "data"), kinds=str(tmp_path / "images.py"))
    daemon.kill()
    down = command("doctor", "--json", port="0", data=str(tmp_path / "data"), kinds=str(tmp_path / "images.py"))

    (well,) = [finding for finding in json.loads(up.stdout) if finding["name"] == "scanner"]
    (ill,) = [finding for finding in json.loads(down.stdout) if finding["name"] == "scanner"]
    assert (well["level"], ill["level"], down.returncode) == ("ok", "wrong", 1)
    assert "of photo: no connection" in ill["seen"]


async def test_clamav_itself_takes_what_its_limit_allows_and_hangs_up_on_more(clamav: ClamAVDaemon):
    scanner, scan = KindScanner(timeout=timedelta(seconds=30)), ClamAV(clamav.address)

    await scanner.see(scan)
    await scanner.scan(scan, zeros(MAX_STREAM_BYTES))
    with pytest.raises(ImageRejected, match="infected"):
        await scanner.scan(scan, zeros(1000, end=HARMFUL))
    with pytest.raises(ScannerFailed, match="StreamMaxLength"):
        await scanner.scan(scan, zeros(4 * MAX_STREAM_BYTES))


async def zeros(count: int, *, end: bytes = b"") -> AsyncIterator[bytes]:
    for begun in range(0, count, 100_000):
        yield bytes(min(100_000, count - begun))
    yield end
