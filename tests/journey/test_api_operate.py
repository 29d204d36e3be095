"""Health, measurements, documentation, and errors that can be told to the operator."""

import re
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

LABELS = ("step", "outcome", "part", "direction", "what")


def measured(api: Any) -> dict[tuple[str, str], float]:
    """Return every sample by its name and the values of its labels."""
    text = api.http.get("/metrics").text
    return {
        (sample.name, " ".join(sample.labels[name] for name in LABELS if name in sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_it_is_alive_and_ready(api: Any):
    answers = [httpx.get(f"{api.server.url}{path}") for path in ("/healthz", "/readyz")]

    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (200, {"status": "ok"}),
        (200, {"status": "ready"}),
    ]


def test_what_is_measured_rises_with_a_journey(api: Any, file: bytes, eventually: Any):
    before = measured(api)
    told = ("safelight_steps_total", "webhook ok")
    report = api.ready(file)
    url = report["variants"]["thumb"]["renditions"][0]["url"]
    fetched = len(httpx.get(url).content)
    eventually(lambda: measured(api).get(told, 0) > before.get(told, 0))  # the webhook comes after the end

    after = measured(api)

    def rose(name: str, labels: str) -> float:
        return after[name, labels] - before.get((name, labels), 0)

    for step in ("request", "confirm", "check", "process", "finalize", "webhook"):
        assert rose("safelight_steps_total", f"{step} ok") >= 1, step
        assert rose("safelight_step_seconds_count", step) >= 1, step
        assert rose("safelight_step_seconds_sum", step) > 0, step
    assert rose("safelight_bytes_total", "in") >= len(file)
    assert rose("safelight_bytes_total", "out") >= fetched
    for part in ("database read", "database write", "database wait", "storage receive", "storage put", "storage open"):
        assert rose("safelight_latency_seconds_count", part) >= 1, part


def test_an_errors_code_is_the_outcome_of_its_step(api: Any, file: bytes):
    requested = api.request(file)
    before = measured(api).get(("safelight_steps_total", "confirm nothing_uploaded"), 0)

    api.confirm(requested["id"])

    assert measured(api)["safelight_steps_total", "confirm nothing_uploaded"] == before + 1


def test_levels_say_how_much_waits(api: Any, eventually: Any):
    wanted = {"queue_depth", "queue_age_seconds", "slots", "slots_busy", "loop_lag_seconds", "images_ready"}

    eventually(lambda: wanted <= {labels for name, labels in measured(api) if name == "safelight_level"})

    levels = measured(api)
    assert levels["safelight_level", "slots"] >= 1
    assert 0 <= levels["safelight_level", "loop_lag_seconds"] < 60


def test_the_metrics_are_what_prometheus_reads(api: Any):
    answer = httpx.get(f"{api.server.url}/metrics")

    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_the_kinds_are_told_to_anybody(api: Any):
    answer = httpx.get(f"{api.server.url}/v1/kinds")
    one = httpx.get(f"{api.server.url}/v1/kinds/photo")

    assert [kind["name"] for kind in answer.json()["kinds"]] == ["photo", "private-photo"]
    assert one.json() == answer.json()["kinds"][0]
    assert one.json()["max_bytes"] == 20_000_000
    assert one.json()["variants"]["large"] == {
        "fit": "fit",
        "widths": [1600],
        "height": None,
        "formats": ["webp", "jpeg"],
        "lazy": False,
    }
    assert answer.headers["cache-control"] == "public, max-age=60"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/v2/images", 404, "not_found"),
        ("GET", "/v1/kinds/nothing", 404, "unknown_kind"),
        ("PUT", "/v1/images", 405, "method_not_allowed"),
        ("POST", "/healthz", 405, "method_not_allowed"),
        ("GET", "/incoming/nothing", 404, "not_found"),
        ("GET", "/public/../../etc/passwd", 404, "not_found"),
        ("DELETE", "/public/" + "0" * 32 + "/thumb-0123456789abcdef-96.webp", 405, "method_not_allowed"),
        ("GET", "/public/" + "0" * 32 + "/thumb-0123456789abcdef-96.webp", 404, "image_not_found"),
        ("POST", "/v1/images", 422, "request_invalid"),
        ("GET", "/v1/images?limit=x", 422, "request_invalid"),
    ],
)
def test_every_error_is_a_problem_with_the_id_of_its_request(api: Any, method: str, path: str, status: int, code: str):
    answer = api.http.request(method, path, headers={"x-request-id": "by-the-test_1.2"})

    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["request_id"] == answer.headers["x-request-id"] == "by-the-test_1.2"
    assert problem["type"].endswith(code)
    assert problem["detail"]
    assert status != 405 or answer.headers["allow"] in problem["detail"]


def test_whoever_asks_for_no_path_that_there_is_hears_where_all_are(api: Any):
    lost = api.http.get("/").json()["detail"]

    assert api.http.get(lost.rpartition(" ")[2]).headers["content-type"].startswith("text/html")


def test_a_body_that_is_too_large_is_refused_with_the_id_of_its_request(api: Any):
    answer = api.http.post("/v1/images", content=b"x" * 70_000, headers={"x-request-id": "big"})

    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "big"


@pytest.mark.parametrize("given", [None, "", "two words", "x" * 65, "line\\nbreak", "<script>", "\xe9"])
def test_an_id_that_is_no_plain_word_is_replaced(api: Any, given: str | None):
    headers = [] if given is None else [(b"x-request-id", given.encode("latin-1"))]

    answers = [httpx.get(f"{api.server.url}/healthz", headers=headers) for _ in range(2)]

    ids = [answer.headers["x-request-id"] for answer in answers]
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)
    assert len(set(ids)) == 2


def test_the_documentation_is_served(api: Any):
    page = httpx.get(f"{api.server.url}/docs")
    document = httpx.get(f"{api.server.url}/openapi.json")

    assert "Say that the bytes are there" in page.text
    assert document.json()["openapi"].startswith("3.1")


@pytest.mark.parametrize("path", ["/v1/images", "/v1/kinds"])
def test_pages_of_allowed_origins_may_call(api: Any, path: str):
    preflight = {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}

    mine, other = [
        httpx.options(f"{api.server.url}{path}", headers=preflight | {"origin": origin})
        for origin in ("https://app.example", "https://evil.example")
    ]

    assert mine.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-origin" not in other.headers


def test_no_secret_and_no_query_ever_lies_in_the_log_or_the_database(api: Any, file: bytes):
    report = api.ready(file, kind="private-photo", filename="secret-name.jpg")
    requested = api.request(file)
    api.upload(requested["upload"], file[:-1])
    query = {"read_token": report["read_token"]}
    redirect = httpx.get(f"{api.server.url}/v1/images/{report['id']}/variants/thumb", params=query)
    httpx.get(redirect.headers["location"] + "x")
    httpx.get(f"{api.server.url}/v1/images/{report['id']}", params={"read_token": report["read_token"] + "x"})

    secrets = [report["read_token"], report["write_token"], api.server.key, redirect.headers["location"]]
    secrets = [one.rpartition("token=")[2].rpartition(".")[2][-20:] for one in secrets]
    database = b"".join(path.read_bytes() for path in api.server.data.glob("safelight.db*"))
    assert not [one for one in [*secrets, "?", "secret-name"] if one in api.server.log]
    assert not [one for one in secrets if one.encode() in database]
