"""The OpenAPI document as one page: no script, nothing fetched from elsewhere."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

Schema = Mapping[str, Any]

METHODS = ("get", "post", "put", "delete")

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #b3402a }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 3rem auto; padding: 0 1.2rem }
h1 { font-size: 2rem; margin-bottom: 0 } h2 { margin-top: 3rem; border-bottom: 1px solid var(--line) }
h3 { font-size: 1rem; margin: 0 } code, .method { font-family: ui-monospace, monospace; font-size: .92em }
article { border: 1px solid var(--line); border-radius: 8px; padding: 1rem 1.2rem; margin: 1rem 0 }
.method { display: inline-block; min-width: 4.2em; font-weight: 700; text-transform: uppercase; color: var(--accent) }
table { border-collapse: collapse; width: 100%; margin: .6rem 0; font-size: .92em }
td, th { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-top: 1px solid var(--line) }
th { font-weight: 600; border-top: 0 } p { margin: .4rem 0 } .soft { opacity: .7 }
a { color: inherit }
"""


def docs_page(schema: Schema) -> str:
    """Return the page for an OpenAPI 3.1 document."""
    info = schema["info"]
    body = [
        f"<h1>{escape(info['title'])}</h1>",
        f'<p class="soft">{escape(info.get("summary", ""))} · version {escape(info["version"])}',
        ' · <a href="/openapi.json">openapi.json</a></p>',
        f"<p>{escape(info.get('description', ''))}</p>",
        *_operations(schema),
        "<h2>Shapes</h2>",
        *_shapes(schema["components"]["schemas"]),
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
    return f"<!doctype html><html lang=en><title>{escape(info['title'])} API</title>{head}<body>{''.join(body)}"


def _operations(schema: Schema) -> Iterator[str]:
    found = [
        (operation["tags"][0], path, method, operation)
        for path, item in schema["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]
    heading = None
    for tag, path, method, operation in sorted(found, key=lambda one: one[0]):
        if tag != heading:
            heading = tag
            yield f"<h2>{escape(tag)}</h2>"
        yield from _operation(path, method, operation)


def _operation(path: str, method: str, operation: Schema) -> Iterator[str]:
    yield f'<article id="{escape(operation["operationId"])}">'
    yield f'<h3><span class="method">{method}</span> <code>{escape(path)}</code></h3>'
    yield f"<p><b>{escape(operation['summary'])}.</b> {escape(operation.get('description', ''))}</p>"
    rows = [
        (
            parameter["name"],
            f"{parameter['in']}, {_type(parameter.get('schema', {}))}",
            parameter.get("description", ""),
        )
        for parameter in operation.get("parameters", ())
    ]
    rows += [("body", _content(operation["requestBody"]), "")] if "requestBody" in operation else []
    yield _table(("takes", "", ""), rows)
    yield _table(
        ("answers", "", ""),
        [
            (status, answer.get("description", ""), _content(answer))
            for status, answer in operation["responses"].items()
        ],
    )
    yield "</article>"


def _shapes(schemas: Schema) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        yield f'<article id="{escape(name)}"><h3>{escape(name)}</h3><p>{escape(schema.get("description", ""))}</p>'
        if "enum" in schema:
            yield f"<p><code>{escape(', '.join(map(str, schema['enum'])))}</code></p>"
        required = set(schema.get("required", ()))
        yield _table(
            ("field", "", ""),
            [
                (field, _type(inner), "" if field in required else "optional")
                for field, inner in schema.get("properties", {}).items()
            ],
        )
        yield "</article>"


def _content(holder: Schema) -> str:
    return ", ".join(_type(media.get("schema", {})) for media in holder.get("content", {}).values())


def _type(schema: Schema) -> str:
    """Return a schema's type in a word or two."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    for several in ("oneOf", "anyOf"):
        if several in schema:
            return " or ".join(_type(one) for one in schema[several])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"map to {_type(schema['additionalProperties'])}"
    kind = schema.get("type", "")
    return str(schema.get("format") or (" or ".join(kind) if isinstance(kind, list) else kind))


def _table(heads: tuple[str, ...], rows: list[tuple[str, str, str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind)}</td><td>{escape(text)}</td></tr>"
        for name, kind, text in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
