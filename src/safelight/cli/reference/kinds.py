"""The page of what a kinds file can say."""

import inspect
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from safelight import ClamAV, Kind, Webhook, cover, fit
from safelight.cli.reference.described import about, parameters
from safelight.cli.reference.markdown import table

INTRODUCTION = """# Kinds

A kinds file is Python. Every `Kind` that it binds to a name is served:

```python
# images.py, served by: safelight up --kinds images.py
from safelight import ClamAV, Kind, Webhook, cover, fit


def signed_in(who, target):
    return who.id is not None


def for_staff(who, image):
    return "staff" in who.claims.get("roles", ())


profile = Kind(
    "profile",
    accept="jpeg png webp heic",
    max_bytes="10MB",
    max_pixels="40MP",
    public=True,
    one_per_record=True,
    may_upload=signed_in,
    variants={
        "thumb": cover(96, 96, formats="webp jpeg"),
        "page": fit(widths=[480, 960, 1600], formats="avif webp jpeg", quality={"jpeg": 75}),
        "poster": fit(2400, lazy=True),
    },
)

invoice = Kind(
    "invoice",
    at_most=20,
    may_upload=signed_in,
    may_view=for_staff,
    review="before",
    scan=ClamAV("127.0.0.1:3310"),
    variants={"page": fit(1600, formats="webp", background="#ffffff")},
)

report = Kind(
    "report",
    max_frames=1,
    keep_original=False,
    rules=Webhook("https://app.example/may"),
    variants={"page": fit(1600)},
)
```

The file is read once, at the start; what makes no sense in it is told with its line, and nothing is served. Then:

```python
from safelight_client import Client

with Client("http://127.0.0.1:8080", api_key="sl_...") as safelight:
    image = safelight.upload("me.jpg", kind="profile", attach=("user", 42))
    print(image.url("thumb"), image.picture("page", sizes="100vw"))
```

This page is made from the docstrings in `src/safelight/domain/` by `make docs`.
"""

DECLARED: Sequence[Callable[..., Any]] = (Kind, cover, fit, Webhook, ClamAV)

REQUIRED = "(required)"


def page(declared: Sequence[Callable[..., Any]] = DECLARED) -> str:
    """Return the page."""
    return "\n".join([INTRODUCTION, *map(_section, declared)])


def _section(declared: Callable[..., Any]) -> str:
    docstring = inspect.getdoc(declared) or ""
    rows = [(f"`{name}`", default, parameters(docstring).get(name, "")) for name, default in _defaults(declared)]
    head = f"## {declared.__name__}\n\n{about(docstring)}\n"
    return f"{head}\n{table(('parameter', 'default', 'meaning'), rows)}"


def _defaults(declared: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """Yield every parameter with its default."""
    for name, parameter in inspect.signature(declared).parameters.items():
        yield name, _written(parameter.default)


def _written(default: object) -> str:
    if default is inspect.Parameter.empty:
        return REQUIRED
    return f"`{json.dumps(default)}`" if isinstance(default, str) else f"`{default!r}`"
