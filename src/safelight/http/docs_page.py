"""The OpenAPI document as one page: no script, nothing fetched from elsewhere."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any

from safelight.http.docs_style import STYLE

Schema = Mapping[str, Any]

METHODS = ("get", "post", "put", "delete")

STEPS = ("1 Request", "2 Upload", "3 Confirm", "4 Process", "5 Check", "6 Show")
"""The journey, which the calls are a part of: 2 goes to the signed URL, 4 happens by itself."""

_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class _Call:
    """One operation and where it is."""

    tag: str
    path: str
    method: str
    operation: Schema

    @property
    def anchor(self) -> str:
        return escape(self.operation["operationId"])


def docs_page(schema: Schema) -> str:
    """Return the page for an OpenAPI 3.1 document."""
    info = schema["info"]
    calls = _calls(schema)
    body = [
        '<div class="page">',
        *_navigation(calls, schema["components"]["schemas"]),
        f"<main><h1>{escape(info['title'])}</h1>",
        f'<p class="lead">{_text(info["summary"])}. <span class="soft">{_text(info["description"])}</span></p>',
        f'<p class="soft">Version {escape(info["version"])} · <a href="/openapi.json">openapi.json</a></p>',
        f'<ol class="steps">{"".join(f"<li>{escape(step)}</li>" for step in STEPS)}</ol>',
        *_sections(calls, schema["tags"]),
        *_shapes(schema["components"]["schemas"]),
        "</main></div>",
    ]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])} API</title><style>{STYLE}</style>"
    )
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>'


def _calls(schema: Schema) -> list[_Call]:
    """Return every call: by its tag, in the order of the document's tags."""
    order = [tag["name"] for tag in schema["tags"]]
    found = [
        _Call(operation["tags"][0], path, method, operation)
        for path, item in schema["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]
    return sorted(found, key=lambda call: order.index(call.tag))


def _navigation(calls: Iterable[_Call], shapes: Iterable[str]) -> Iterator[str]:
    yield '<nav aria-label="Calls">'
    for tag, some in groupby(calls, key=lambda call: call.tag):
        yield f"<b>{escape(tag)}</b>"
        for call in some:
            summary = escape(call.operation["summary"])
            yield f'<a href="#{call.anchor}"><span class="method {call.method}">{call.method}</span>{summary}</a>'
    yield "<b>Shapes</b>"
    yield from (f'<a href="#{escape(name)}"><code>{escape(name)}</code></a>' for name in sorted(shapes))
    yield "</nav>"


def _sections(calls: Iterable[_Call], tags: Iterable[Schema]) -> Iterator[str]:
    said = {tag["name"]: tag["description"] for tag in tags}
    for tag, some in groupby(calls, key=lambda call: call.tag):
        yield f'<h2>{escape(tag)}</h2><p class="soft">{_text(said[tag])}</p>'
        for call in some:
            yield from _operation(call)


def _operation(call: _Call) -> Iterator[str]:
    operation = call.operation
    yield f'<article id="{call.anchor}">'
    yield f'<h3><span class="method {call.method}">{call.method}</span><code>{escape(call.path)}</code></h3>'
    summary = _text(operation["summary"])
    yield f"<p><b>{summary if summary.endswith('?') else f'{summary}.'}</b> {_text(operation['description'])}</p>"
    takes = [
        (f"<code>{escape(parameter['name'])}</code>", _place(parameter), _text(parameter.get("description", "")))
        for parameter in operation.get("parameters", ())
    ]
    if "requestBody" in operation:
        takes.append(("body", _content(operation["requestBody"]), "JSON"))
    yield from _table("Takes", takes)
    yield from _table("Answers", [_answer(*each) for each in sorted(operation["responses"].items())])
    yield "</article>"


def _place(parameter: Schema) -> str:
    needed = "" if parameter.get("required") else ", optional"
    return f"{_type(parameter['schema'])} in the {escape(parameter['in'])}{needed}"


def _answer(status: str, answer: Schema) -> tuple[str, str, str]:
    manner = {"2": "good", "3": "moved"}.get(status[0], "bad")
    said = escape(answer["description"])
    if manner == "bad":
        said = ", ".join(f"<code>{code}</code>" for code in said.split(", "))
    return f'<span class="status {manner}">{escape(status)}</span>', _content(answer), said


def _shapes(schemas: Mapping[str, Schema]) -> Iterator[str]:
    yield '<h2>Shapes</h2><p class="soft">What the JSON looks like.</p>'
    for name, schema in sorted(schemas.items()):
        yield f'<article id="{escape(name)}"><h3><code>{escape(name)}</code></h3>'
        yield f"<p>{_text(schema.get('description', ''))}</p>"
        required = set(schema.get("required", ()))
        fields = schema.get("properties", {}).items()
        yield from _table(
            "Fields",
            [
                (
                    f"<code>{escape(field)}</code>",
                    _type(inner) + ("" if field in required else ", optional"),
                    _text(inner.get("description", "")),
                )
                for field, inner in fields
            ],
        )
        yield from _table(
            "Values", [(f"<code>{escape(str(value))}</code>", "", "") for value in schema.get("enum", ())]
        )
        yield "</article>"


def _content(holder: Schema) -> str:
    return ", ".join(_type(media.get("schema", {})) for media in holder.get("content", {}).values())


def _type(schema: Schema) -> str:
    """Return a schema's type in a word or two, with links to shapes."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    for several in ("oneOf", "anyOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_type(one) for one in schema[several]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"map to {_type(schema['additionalProperties'])}"
    kind = schema.get("type", "")
    return escape(str(schema.get("format") or (" or ".join(kind) if isinstance(kind, list) else kind)))


def _table(heading: str, rows: list[tuple[str, str, str]]) -> Iterator[str]:
    """Yield a table of cells that are HTML already."""
    if rows:
        yield f"<h4>{escape(heading)}</h4><table>"
        yield from (f"<tr><td>{name}</td><td>{kind}</td><td>{said}</td></tr>" for name, kind, said in rows)
        yield "</table>"


def _text(markdown: str) -> str:
    """Return plain text, or what it has of code, as HTML."""
    return _CODE.sub(r"<code>\1</code>", escape(markdown))
