"""`safelight settings`: every setting, as a table for people or as the page of the documentation."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from safelight.cli.tell import out
from safelight.settings import GROUPS, Leeway, Seconds, Settings, Url, Words, names

TYPES = (
    (Path, "path"),
    (Url, "URL"),
    (Seconds, "seconds"),
    (Leeway, "seconds"),
    (Words, "words"),
    (SecretStr, "secret"),
    (str, "text"),
)

NONE = "-"

PAGE = """# Settings

Each is read from the environment, or from a file `.env` in the working directory. `safelight up` lists every mistake at
once and stops; a name that is none of these is told. Durations are in seconds, sizes in bytes. The client's
`safelight upload` reads two more: `SAFELIGHT_URL` and `SAFELIGHT_API_KEY`.

This page is made from `src/safelight/settings.py` by `make docs`.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A setting, in words."""

    name: str
    type: str
    default: str
    meaning: str


def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the page of the documentation.")] = False,
) -> None:
    """List every setting: its name, type, default and meaning."""
    if markdown:
        typer.echo(page(), nl=False)
        return
    for heading, rows in groups():
        out.print(f"\n[bold]{heading}[/bold]")
        for row in rows:
            default = "" if row.default == NONE else f"; {row.default}"
            out.print(f"  {row.name:32} {row.type}{default}\n      {row.meaning}", markup=False)


def page() -> str:
    """Return the documentation's page."""
    parts = [PAGE]
    for heading, rows in groups():
        lines = [f"| `{row.name}` | {row.type} | {row.default} | {row.meaning} |" for row in rows]
        parts.append(
            "\n".join([f"## {heading}\n", "| name | type | default | meaning |", "|---|---|---|---|", *lines, ""])
        )
    return "\n".join(parts)


def groups() -> Iterator[tuple[str, list[Row]]]:
    """Yield each heading with its settings, in the order in which they are declared."""
    annotations = inspect.get_annotations(Settings)
    heading, rows = "", list[Row]()
    for name, field in Settings.model_fields.items():
        if name in GROUPS:
            if rows:
                yield heading, rows
            heading, rows = GROUPS[name], []
        rows.append(Row(names()[name], _type(name, annotations[name]), _default(field), field.description or ""))
    yield heading, rows


def _type(name: str, annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(get_args(annotation))
    if annotation is bool:
        return "true or false"
    if annotation is int:
        return "bytes" if "bytes" in name else "number"
    kinds = (annotation, *get_args(annotation))  # of an optional one, what it is when it is there
    return next(word for kind, word in TYPES if any(one is kind for one in kinds))


def _default(field: FieldInfo) -> str:
    default = field.default
    if default is None or default is PydanticUndefined or default == ():
        return NONE
    if isinstance(default, timedelta):
        return f"{default.total_seconds():g}"
    return str(default).lower() if isinstance(default, bool) else str(default)
