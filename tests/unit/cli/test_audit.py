"""`safelight audit`."""

import asyncio
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result

from safelight.apps.audit import PAGE
from safelight.apps.beside import records_for
from safelight.domain.events import Action, AuditEvent
from safelight.domain.image import ImageId
from safelight.settings import Settings

Run = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("either_database")

IMAGE = ImageId("0123456789abcdef" * 2)
KEY = "0" * 24 + "12345678"
NOW = datetime.now(UTC).replace(microsecond=0)


def event(ago: timedelta = timedelta(0), action: Action = Action.VIEWED, result: str = "ok", **more: str) -> AuditEvent:
    said = {"actor": "user:1", "image_id": IMAGE, "address": "192.0.2.1", "request_id": "r-1", "owner": "42"} | more
    return AuditEvent(NOW - ago, action, result=result, **said)  # type: ignore[arg-type]  # texts all of them


def note(data: Path, *events: AuditEvent) -> None:
    async def write() -> None:
        async with records_for(Settings(data=data)) as records, records.transaction() as tx:
            await tx.audit(*events)

    asyncio.run(write())


def shown(result: Result) -> list[list[str]]:
    """Return the cells of each line under the heading."""
    assert result.exit_code == 0
    return [re.split(r" {2,}", line) for line in result.stdout.splitlines()[1:]]


def exported(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_an_event_is_one_line_that_says_who_did_what(run: Run, data: Path) -> None:
    note(data, event(result="not_allowed", actor=f"key:{KEY} for 42", target="variant:thumb"))

    listed = run("audit", "--data", data)

    heading = "When (UTC) What Result Who From Image Owner About"
    assert " ".join(listed.stdout.splitlines()[0].split()) == heading
    assert shown(listed) == [
        [
            f"{NOW:%Y-%m-%d %H:%M:%S}",
            "image.viewed",
            "not_allowed",
            "key:…12345678 for 42",
            "192.0.2.1",
            IMAGE,
            "42",
            "variant:thumb",
        ]
    ]


def test_without_events_it_says_so(run: Run, data: Path) -> None:
    listed = run("audit", "--data", data)

    assert (listed.exit_code, listed.stdout) == (0, "")
    assert "Nothing of that is noted." in listed.stderr


def test_an_export_is_whole(run: Run, data: Path) -> None:
    note(data, event(result="not_allowed", target="variant:thumb"), AuditEvent(NOW, Action.KEY_CREATED, "system"))

    first, second = exported(run("audit", "--json", "--data", data))

    assert first == {
        "number": 1,
        "at": f"{NOW:%Y-%m-%dT%H:%M:%S}Z",
        "action": "image.viewed",
        "actor": "user:1",
        "image_id": IMAGE,
        "result": "not_allowed",
        "address": "192.0.2.1",
        "request_id": "r-1",
        "owner": "42",
        "target": "variant:thumb",
    }
    assert (second["number"], second["action"], second["image_id"]) == (2, "key.created", None)


def test_an_export_of_nothing_is_empty(run: Run, data: Path) -> None:
    exported_nothing = run("audit", "--json", "--data", data)

    assert (exported_nothing.exit_code, exported_nothing.stdout, exported_nothing.stderr) == (0, "", "")


def test_an_export_goes_on_from_page_to_page(run: Run, data: Path) -> None:
    note(data, *(event(actor=f"user:{number}") for number in range(2 * PAGE + 1)))

    actors = [one["actor"] for one in exported(run("audit", "--json", "--data", data))]

    assert actors == [f"user:{number}" for number in range(2 * PAGE + 1)]


def test_people_see_the_last_hundred_and_hear_of_the_others(run: Run, data: Path) -> None:
    note(data, *(event(actor=f"user:{number}") for number in range(101)))

    listed = run("audit", "--data", data)

    assert [cells[3] for cells in shown(listed)] == [f"user:{number}" for number in range(1, 101)]
    assert "These are the last 100" in listed.stderr


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_limit_shows_the_last_oldest_first(run: Run, data: Path, form: tuple[str, ...]) -> None:
    note(data, *(event(actor=f"user:{number}") for number in range(5)))

    listed = run("audit", "--limit", 2, *form, "--data", data)

    assert re.findall(r"user:\d", listed.stdout) == ["user:3", "user:4"]
    assert listed.stderr == ""


def test_one_images_events_can_be_chosen(run: Run, data: Path) -> None:
    note(data, event(), event(image_id="f" * 32))

    (only,) = exported(run("audit", "--json", "--image", IMAGE, "--data", data))

    assert only["image_id"] == IMAGE


def test_so_can_what_a_user_did_and_what_its_images_went_through(run: Run, data: Path) -> None:
    note(data, event(actor="user:7", owner="42"), event(actor="user:42", owner="7"), event(actor="user:7", owner="7"))

    found = exported(run("audit", "--json", "--owner", "42", "--data", data))

    assert [one["number"] for one in found] == [1, 2]


@pytest.mark.parametrize(
    ("since", "ago", "expected"),
    [
        ("90m", 0, [3]),
        ("3h", 0, [2, 3]),
        ("3d", 0, [1, 2, 3]),
        ("{:%Y-%m-%dT%H:%M:%S}", 2, [2, 3]),
        ("{:%Y-%m-%dT%H:%M:%S}Z", 2, [2, 3]),
        ("{:%Y-%m-%d %H:%M:%S+00:00}", 1, [3]),
        ("{:%Y-%m-%d}", 48, [1, 2, 3]),
        ("{:%Y-%m-%d}", -24, []),
    ],
)
def test_so_can_a_time(run: Run, data: Path, since: str, ago: int, expected: list[int]) -> None:
    note(data, event(timedelta(hours=48)), event(timedelta(hours=2)), event())

    listed = run("audit", "--json", "--since", since.format(NOW - timedelta(hours=ago)), "--data", data)

    assert [one["number"] for one in exported(listed)] == expected


@pytest.mark.parametrize(
    "words",
    [
        ("--since", "yesterday"),
        ("--since", "2026-13-01"),
        ("--since", "3x"),
        ("--since", "999999d"),
        ("--image", "short"),
    ],
)
def test_what_cannot_be_meant_is_refused(run: Run, data: Path, words: tuple[str, str]) -> None:
    refused = run("audit", *words, "--data", data)

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert words[1] in refused.stderr


@pytest.mark.parametrize("limit", ["0", "-1", "few"])
def test_a_limit_is_a_number_above_0(run: Run, data: Path, limit: str) -> None:
    refused = run("audit", "--limit", limit, "--data", data)

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--limit" in refused.stderr


@pytest.mark.parametrize("either_database", ["sqlite"], indirect=True)
def test_a_folder_without_a_database_is_named(run: Run, tmp_path: Path) -> None:
    refused = run("audit", "--data", tmp_path / "other")

    assert refused.exit_code == 1
    assert "There is no Safelight" in refused.stderr


def test_names_cannot_change_what_the_terminal_shows(run: Run, data: Path) -> None:
    note(data, event(actor="user:\x1b[2J\u202e[red]1"))

    (cells,) = shown(run("audit", "--data", data))

    assert cells[3] == "user:\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}[red]1"
