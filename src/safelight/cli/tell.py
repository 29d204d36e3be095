"""How the command line speaks to people."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from safelight.adapters.keyring import KeyringInvalid
from safelight.apps.api_keys import KeyInvalid
from safelight.apps.backup import ArchiveNameInvalid
from safelight.apps.backup_check import BackupDamaged
from safelight.apps.data_folder import DataNotReady
from safelight.apps.lock import DataInUse
from safelight.apps.worker import WebhookInvalid
from safelight.domain.errors import SafelightError

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

REFUSALS = (ArchiveNameInvalid, BackupDamaged, DataInUse, DataNotReady, KeyInvalid, KeyringInvalid, WebhookInvalid)
"""Why a command may not be able to begin; the text of each says what to do."""

FAILED = 1
MISUSED = 2


@contextmanager
def errors_told() -> Iterator[None]:
    """Say in one line what went wrong, and exit with 1, where it is something that a person can act on."""
    try:
        yield
    except (SafelightError, *REFUSALS, OSError) as error:
        err.print(f"[red]{escape(str(error))}[/red]")
        raise typer.Exit(FAILED) from None


def tell_settings(error: ValidationError) -> None:
    """Say every bad setting at once."""
    err.print("[red]These settings cannot be used:[/red]")
    for bad in error.errors():
        name = "_".join(str(part) for part in bad["loc"][:1]).upper()
        err.print(f"  SAFELIGHT_{name} = {bad['input']!r}: {bad['msg']}")
