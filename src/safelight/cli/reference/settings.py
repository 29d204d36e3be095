"""The page of settings."""

from safelight.cli.reference.markdown import table
from safelight.cli.settings import groups
from safelight.settings import Settings

INTRODUCTION = """# Settings

Each is read from the environment, from a file `.env` in the working directory, or from a file of that name in the
folder `SAFELIGHT_SECRETS`, where mounted secrets lie; the first of them counts. `safelight up` lists every mistake at
once and stops; a name that is none of these is told. Durations are in seconds, sizes in bytes or as `20MB`. The
client's `safelight upload` reads two more: `SAFELIGHT_URL` and `SAFELIGHT_API_KEY`.

This page is made from `src/safelight/settings` by `make docs`.
"""


def page(settings: type[Settings] = Settings) -> str:
    """Return the page."""
    parts = [INTRODUCTION]
    for heading, rows in groups(settings):
        lines = [(f"`{row.name}`", row.type, row.default, row.meaning) for row in rows]
        parts.append(f"## {heading}\n\n{table(('name', 'type', 'default', 'meaning'), lines)}")
    return "\n".join(parts)
