"""The names of settings in an environment, those that look like one and are none, and headings for people."""

import os
from collections.abc import Mapping
from difflib import get_close_matches

from dotenv import dotenv_values

from safelight.settings import ENV_FILE, PREFIX, Settings
from safelight.settings.secrets import secret_names

OF_THE_CLIENT = frozenset({"SAFELIGHT_URL", "SAFELIGHT_API_KEY"})
"""What `safelight upload` reads: no settings, and no mistakes."""

GROUPS: Mapping[str, str] = {
    "data": "Where things are",
    "upload_ttl": "Requests",
    "jwt_secret": "Users",
    "owner_requests_per_minute": "Limits",
    "header_timeout": "Connections",
    "min_free_bytes": "Storage",
    "slots": "Work",
    "reconcile_every": "Upkeep",
    "webhook_private": "Webhooks",
}
"""Headings for people, by the first setting under each."""


def names(settings: type[Settings] = Settings) -> dict[str, str]:
    """Return the environment's name of every setting, by the setting's own."""
    return {name: f"{PREFIX}{name.upper()}" for name in settings.model_fields}


def unknown_names(environment: Mapping[str, str] = os.environ) -> dict[str, str | None]:
    """Return the names in the environment, in `.env` and in the folder of secrets that look like settings and are none.

    With each comes the setting that is probably meant, or None where nothing is like it.
    """
    known = {*names().values(), *OF_THE_CLIENT}
    written = dotenv_values(ENV_FILE)
    folder = environment.get("SAFELIGHT_SECRETS") or written.get("SAFELIGHT_SECRETS")
    all_names = (*environment, *written, *secret_names(folder))
    given = sorted({name for name in all_names if name.upper().startswith(PREFIX)})
    return {name: _nearest(name.upper(), known) for name in given if name.upper() not in known}


def _nearest(name: str, known: set[str]) -> str | None:
    """Return the name that is most like another, where one is; what all begin with does not count."""
    endings = sorted(one.removeprefix(PREFIX) for one in known)
    like = get_close_matches(name.removeprefix(PREFIX), endings, n=1)
    return f"{PREFIX}{like[0]}" if like else None
