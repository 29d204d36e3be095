"""Prints the calls of an upload as the steps of the journey that they are."""

import json
import re
import time

import httpx
from rich.console import Console

REQUEST = re.compile(r"POST /v1/images")
RESIGN = re.compile(r"POST /v1/images/\w+/upload")
UPLOAD = re.compile(r"(PUT|POST) /incoming/.*")
CONFIRM = re.compile(r"POST /v1/images/\w+/confirm")
CHECK = re.compile(r"GET /v1/images/\w+")

STEPS = ((REQUEST, "1 REQUEST"), (RESIGN, "1 again"), (UPLOAD, "2 UPLOAD"), (CONFIRM, "3 CONFIRM"), (CHECK, "5 CHECK"))


class StepPrinter(httpx.BaseTransport):
    """The network, with every call printed: what was called, what came back, how long it took."""

    def __init__(self, console: Console) -> None:
        self._network = httpx.HTTPTransport()
        self._console = console
        self._confirmed_at = 0.0
        self._verified = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Make the call and print it."""
        begun = time.perf_counter()
        response = self._network.handle_request(request)
        body = response.read()
        now = time.perf_counter()
        call = f"{request.method} {request.url.path}"
        step = next((name for pattern, name in STEPS if pattern.fullmatch(call)), "")
        said = json.loads(body) if "json" in response.headers.get("content-type", "") else {}
        if step == "3 CONFIRM":
            self._confirmed_at = now
        if said.get("content_type") and not self._verified:
            self._verified = True
            self._print("4 PROCESS", "the worker, in a sandbox: verified", _verified(said), now - self._confirmed_at)
        self._print(step, _short(call), f"{response.status_code} {_told(step, said, request)}", now - begun)
        if said.get("ready_at"):
            self._print("6 FINALIZE", "the record: ready", _shown(said), now - self._confirmed_at)
        return response

    def close(self) -> None:
        """Close the connections."""
        self._network.close()

    def _print(self, step: str, call: str, answer: str, seconds: float) -> None:
        took = f"{seconds * 1000:8.1f} ms"
        self._console.print(f"[bold]{step:10}[/bold]  {call:46} {took}  {answer}")


def _short(call: str) -> str:
    """Return the call with ids cut short."""
    return re.sub(r"([0-9a-f]{8})[0-9a-f]{16}([0-9a-f]{8})", r"\1..\2", call)


def _told(step: str, said: dict[str, object], request: httpx.Request) -> str:
    if "code" in said:
        return str(said["detail"])
    if step == "2 UPLOAD":
        return f"{int(request.headers['content-length']):,} bytes"
    if step.startswith("1"):
        return "record, tokens and a signed URL"
    if "progress" in said:
        return f"{said['status']} {said['progress']:.0%}"
    return ""


def _verified(said: dict[str, object]) -> str:
    return f"{said['content_type']}, {said['width']} x {said['height']}"


def _shown(said: dict[str, object]) -> str:
    variants = said["variants"]
    names = ", ".join(variants) if isinstance(variants, dict) else ""
    return f"{names} at immutable URLs; placeholder {said['placeholder']}"
