"""`safelight signing-keys`: list, rotate and retire the keys that sign tokens and URLs."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from safelight.adapters.keyring import create_keyring, read_keyring
from safelight.adapters.system import SystemClock
from safelight.apps.beside import see_that_they_are_ready
from safelight.apps.data_folder import DataNotReady, see_that_it_is_ours
from safelight.apps.signing_keys import (
    SigningKeyRefused,
    add_signing_key,
    retire_signing_key,
    see_that_it_can_retire,
    sign_with,
)
from safelight.apps.wiring import keyring_path
from safelight.cli.options import Data, settings
from safelight.cli.tell import confirm, errors_told, misused, out
from safelight.domain.tokens import Keyring
from safelight.settings import Settings

WHAT_ENDS = (
    "From then on nothing is valid that stands on it:",
    "  read tokens, which have no other end: pages that hold one need a new one (POST /v1/images/ID/tokens)",
    "  write tokens of uploads under way, and upload URLs that are not used yet",
    "  signed URLs of protected images; the next redirect leads to a new one",
    "  answers kept for POSTs with an Idempotency-Key: a repetition is refused",
    "Public URLs and API keys go on.",
)

KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as the list shows it.")]

app = typer.Typer(
    help="List, rotate and retire the keys that sign tokens and URLs. A running server takes every change at once.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command()
def create(
    file: Annotated[Path, typer.Argument(help="The file to make.")],
) -> None:
    """Make a keyring file for several hosts: copy or mount it to each as a secret, and name it in SAFELIGHT_KEYRING.

    A process that serves everything from its own folder makes its keyring by itself.
    """
    with errors_told():
        try:
            key_id = create_keyring(file, SystemClock())
        except FileExistsError:
            raise SigningKeyRefused(
                f"There is a file {file} already, and it is kept. Use it, by SAFELIGHT_KEYRING; or add a new key to "
                "it: safelight signing-keys rotate"
            ) from None
    out.print(f"Made {file}, with the signing key {key_id}. Whoever reads it can sign: keep it secret.", markup=False)


@app.command("list")
def list_keys(data: Data = None) -> None:
    """List the signing keys, without the keys themselves."""
    using = settings(data=data)
    with errors_told(using):
        ring = _ring(using)
    out.print(_table(ring), soft_wrap=False)


@app.command()
def rotate(
    add_only: Annotated[
        bool, typer.Option("--add-only", help="Let the new key verify, and not sign yet: first of two steps.")
    ] = False,
    signing: Annotated[
        str | None,
        typer.Option("--sign-with", metavar="ID", help="Sign with this key, which is there: second of two steps."),
    ] = None,
    data: Data = None,
) -> None:
    """Add a random key and sign with it from now on. What older keys signed stays valid until they are retired.

    Where several hosts have a copy of the keyring, go in two steps: --add-only, copy it to every host, then
    --sign-with, and copy it again. So no host meets a signature of a key that it has not got.
    """
    if add_only and signing is not None:
        raise misused("Say only one of --add-only, --sign-with.")
    using = settings(data=data)
    with errors_told(using):
        _ring(using)
        see_that_it_is_ours(keyring_path(using).parent)
        if signing is None:
            key_id = asyncio.run(add_signing_key(using, signs=not add_only, clock=SystemClock()))
        else:
            key_id = signing
            asyncio.run(sign_with(using, key_id, clock=SystemClock()))
    if add_only:
        out.print(f"Added {key_id}, which verifies. It signs after: safelight signing-keys rotate --sign-with {key_id}")
        return
    out.print(f"Signing with {key_id} from now on. The older ones go on verifying until they are retired.")
    if using.keyring is not None and signing is None:
        out.print(
            f"Hosts that have a copy of {using.keyring} refuse what this key signs until they have it too: copy the "
            "file there now. Next time say --add-only first, as docs/keys.md shows.",
            markup=False,
        )


@app.command()
def retire(
    key_id: KeyId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data: Data = None,
) -> None:
    """Remove a key that signs no more: every token and URL that it signed ends at once."""
    using = settings(data=data)
    with errors_told(using):
        see_that_it_can_retire(_ring(using), key_id)
        see_that_it_is_ours(keyring_path(using).parent)
    out.print(f"Retiring {key_id} removes it for good.", markup=False)
    for line in WHAT_ENDS:
        out.print(line, markup=False)
    if not yes:
        confirm("Retire it?")
    with errors_told(using):
        asyncio.run(retire_signing_key(using, key_id, clock=SystemClock()))
    out.print(f"Retired {key_id}", markup=False)


def _ring(using: Settings) -> Keyring:
    asyncio.run(see_that_they_are_ready(using))
    path = keyring_path(using)
    if not path.exists():
        makes = (
            "The server makes one when it first starts"
            if using.keyring is None
            else f"Make it, once for all hosts: safelight signing-keys create {path}"
        )
        raise DataNotReady(f"There is no {path}. {makes}, or put your own copy there")
    return read_keyring(path)


def _table(ring: Keyring) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("ID", "Made (UTC)", "Does"):
        table.add_column(heading, no_wrap=True)
    for key_id in ring.keys:
        made = ring.created_at.get(key_id)
        does = "signs and verifies" if key_id == ring.signing else "verifies"
        table.add_row(*map(Text, (key_id, f"{made:%Y-%m-%d %H:%M}" if made else "not known", does)))
    return table
