"""`safelight settings`: every setting, in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import DirectoryPath, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from safelight.cli.tell import out
from safelight.settings import Settings
from safelight.settings.names import GROUPS, names
from safelight.settings.values import (
    Bytes,
    DatabaseUrl,
    FewSeconds,
    Origins,
    Seconds,
    StorageUrl,
    StorePlace,
    Url,
    Words,
)

TYPES = (
    (Path, "path"),
    (DirectoryPath, "path"),
    (Url, "URL"),
    (DatabaseUrl, "secret URL"),
    (StorageUrl, "URL"),
    (StorePlace, "URL or path"),
    (Seconds, "seconds"),
    (FewSeconds, "seconds"),
    (Words, "words"),
    (Origins, "words"),
    (Bytes, "bytes"),
    (int, "number"),
    (SecretStr, "secret"),
    (str, "text"),
)

NONE = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """A setting, in words."""

    name: str
    type: str
    default: str
    meaning: str


def settings() -> None:
    """List every setting: its name, type, default and meaning."""
    for heading, rows in groups():
        out.print(f"\n[bold]{heading}[/bold]")
        for row in rows:
            default = "" if row.default == NONE else f"; {row.default}"
            out.print(f"  {row.name:32} {row.type}{default}\n      {row.meaning}", markup=False)


def groups(settings: type[Settings] = Settings) -> Iterator[tuple[str, list[Row]]]:
    """Yield each heading with its settings, in the order in which they are declared."""
    annotations = get_type_hints(settings, include_extras=True)
    heading, rows = "", list[Row]()
    for name, field in settings.model_fields.items():
        if name in GROUPS:
            if rows:
                yield heading, rows
            heading, rows = GROUPS[name], []
        rows.append(Row(names(settings)[name], _type(annotations[name]), _default(field), field.description or ""))
    yield heading, rows


def _type(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(get_args(annotation))
    if annotation is bool:
        return "true or false"
    kinds = (annotation, *get_args(annotation))  # of an optional one, what it is when it is there
    return next(word for kind, word in TYPES if any(one is kind for one in kinds))


def _default(field: FieldInfo) -> str:
    default = field.default
    if default is None or default is PydanticUndefined or default == ():
        return NONE
    if isinstance(default, timedelta):
        return f"{default.total_seconds():g}"
    return str(default).lower() if isinstance(default, bool) else str(default)
