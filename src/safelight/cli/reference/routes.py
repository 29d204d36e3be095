"""The page of routes, from the OpenAPI document and from what each route declares beside it."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from litestar.handlers import HTTPRouteHandler

from safelight.cli.reference.bodies import Field, fields
from safelight.cli.reference.described import meanings
from safelight.cli.reference.markdown import code, table
from safelight.domain.events import Action
from safelight.http.api import ROUTES
from safelight.http.audit import ACTION
from safelight.http.callers import WHO, By
from safelight.http.openapi import TAGS, openapi_schema
from safelight.http.rates import COUNTED_AS, Count

INTRODUCTION = """# Routes

A caller says who it is with `Authorization: Bearer ...`: an API key, a JWT of a user, or the token of one image.
Every server shows what goes in and comes out at `/docs`, and for programs at `/openapi.json`. Errors are
[problem documents](errors.md).

This page is made from the routes in `src/safelight/http/` by `make docs`.
"""

WHO_MAY = """## Who may call

A route takes any one of those that it names.
"""

COUNTED = """## What calls count as

[Limits](../limits.md) says how often each may be.
"""

BYTES = """## The bytes

They do not go through the API, but to URLs that it gives out and signs, on whatever host they name.

- `PUT` and `POST /incoming/...`: step 2, UPLOAD, as `upload` says in the answer to `POST /v1/images`.
  201, or 412 where it was done before.
- `GET` and `HEAD /public/...` and `/private/...`: renditions and originals, whole or a range. The latter are signed.
"""

ALIKE = "Operate"
"""The tag of what stands in no document, because it is what shows the document."""

UNSAID = "(not declared)"


@dataclass(frozen=True, slots=True)
class Call:
    """A route, in words. `operation` is what the OpenAPI document says of it, as far as it stands there.

    `body` are the fields of the JSON that it takes.
    """

    route: HTTPRouteHandler
    name: str
    operation: Mapping[str, Any]
    body: Sequence[Field] = ()

    @property
    def tag(self) -> str:
        """The part of the document that it stands in."""
        return str(self.operation.get("tags", [ALIKE])[0])

    @property
    def who(self) -> Sequence[By]:
        """Who may call it."""
        return tuple(self.route.opt.get(WHO, ()))

    @property
    def description(self) -> str:
        """What it does."""
        return str(self.operation.get("description", inspect.getdoc(self.route.fn)))

    @property
    def summary(self) -> str:
        """What it does, in a few words."""
        return str(self.operation.get("summary", self.description.rstrip(".")))


def page(routes: Sequence[HTTPRouteHandler] = ROUTES) -> str:
    """Return the page."""
    calls = list(_calls(routes))
    listed = [(f"`{call.name}`", call.summary, code(call.who) or UNSAID) for call in calls]
    sections = [_section(call) for tag in TAGS for call in calls if call.tag == tag]
    parts = (
        INTRODUCTION,
        table(("call", "", "who may"), listed),
        BYTES,
        WHO_MAY,
        table(("word", "meaning"), [(f"`{by}`", meanings(By)[by.name]) for by in By]),
        COUNTED,
        table(("word", "meaning"), [(f"`{_word(count)}`", meanings(Count)[count.name]) for count in Count]),
        "## Calls\n",
        *sections,
    )
    return "\n".join(parts)


def _calls(routes: Sequence[HTTPRouteHandler]) -> Iterator[Call]:
    document = openapi_schema(routes, version="")
    paths: Mapping[str, Mapping[str, Any]] = document["paths"]
    shapes = document["components"]["schemas"]
    documented = {
        operation["operationId"]: (f"{method.upper()} {path}", operation, fields(operation, shapes))
        for path, operations in paths.items()
        for method, operation in operations.items()
    }
    for route in routes:
        alone = f"{min(route.http_methods)} {min(route.paths)}"
        yield Call(route, *documented.get(route.handler_name, (alone, {})))


def _section(call: Call) -> str:
    facts = (
        ("who may", code(call.who) or UNSAID),
        ("counts as", f"`{_word(call.route.opt.get(COUNTED_AS, Count.CALL))}`"),
        ("audit", _audited(call.route.opt.get(ACTION))),
        *(
            ("answer", f"{status} {said}")
            for status, said in _answers(call.operation)
            if status < HTTPStatus.BAD_REQUEST
        ),
        *(
            ("error", f"{status} {code(said.split(', '))}")
            for status, said in _answers(call.operation)
            if status >= HTTPStatus.BAD_REQUEST
        ),
    )
    parts = [
        f"### {call.name}\n",
        f"{call.description}\n",
        table(("", ""), [fact for fact in facts if fact[1]]),
    ]
    if given := call.operation.get("parameters"):
        parts.append(table(("parameter", "in", "meaning"), map(_parameter, given)))
    if call.body:
        parts.append(table(("field of the body", "type", "required", "meaning"), call.body))
    return "\n".join(parts)


def _answers(operation: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    for status, answer in sorted(operation.get("responses", {}).items()):
        yield int(status), answer["description"]


def _parameter(given: Mapping[str, Any]) -> tuple[str, str, str]:
    return f"`{given['name']}`", given["in"], given.get("description", "")


def _audited(action: Action | None) -> str:
    return f"`{action}`" if action else ""


def _word(count: Count) -> str:
    return count.name.lower().replace("_", " ")
