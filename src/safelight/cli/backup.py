"""`safelight backup`: the records and a list of the objects, in one archive, while the server runs."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

from safelight.adapters.system import SystemClock
from safelight.apps.backup import Manifest, NotInTheFolder, write_backup
from safelight.apps.backup_check import Lack, check_archive, lacks
from safelight.apps.database import DATABASE_FILE
from safelight.apps.storage import OBJECTS_FOLDER
from safelight.apps.wiring import KEYRING_FILE
from safelight.cli.options import Data, settings
from safelight.cli.tell import FAILED, errors_told, out


def backup(
    file: Annotated[Path, typer.Argument(help="The archive: .tar, .tar.gz or .tgz.")],
    data: Data = None,
    with_keyring: Annotated[
        bool,
        typer.Option(
            "--with-keyring",
            help="Put the signing keys into it, too. Whoever has them and the records can make tokens for every image; "
            "without them, tokens and signed URLs that were handed out end with a restore.",
        ),
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Write nothing: check this archive against the objects in --data.")
    ] = False,
    hashes: Annotated[
        bool, typer.Option("--hashes", help="With --verify: also read every original and compare its SHA-256.")
    ] = False,
) -> None:
    """Back up the records while the server runs, or check a backup.

    The images themselves are not in it: copy the folder store/objects after it. Objects never change once they are
    written, so that a copy made afterwards has all that the archive asks for.

    To restore: unpack safelight.db (and keyring.json) into a new folder, put the copy of the objects under it as
    store/objects, and run safelight up --data on it.
    """
    using = settings(data=data)
    folder = using.data
    with errors_told(using):
        if verify:
            _verify(file, folder, hashes=hashes)
        elif using.database_url is not None:
            raise NotInTheFolder
        else:
            manifest = asyncio.run(write_backup(folder, file, clock=SystemClock(), with_keyring=with_keyring))
            _tell(manifest, file, folder, with_keyring=with_keyring)


def _tell(manifest: Manifest, file: Path, folder: Path, *, with_keyring: bool) -> None:
    out.print(f"Backed up the records of {folder} to {file}: {_size(manifest)}", markup=False)
    out.print(
        f"\nNot in it: the objects. Copy them now, for they never change once written, and check the copy:\n"
        f"  mkdir -p COPY/{OBJECTS_FOLDER} && cp -a {folder / OBJECTS_FOLDER}/objects COPY/{OBJECTS_FOLDER}/\n"
        f"  safelight backup --verify {file} --data COPY",
        markup=False,
    )
    if not with_keyring:
        out.print(
            f"Not in it: the signing keys, for whoever has them and the records can make tokens for every image.\n"
            f"  Keep a copy of {folder / KEYRING_FILE} in another place, or say --with-keyring.",
            markup=False,
        )
    out.print(
        f"\nTo restore into a folder NEW:\n"
        f"  mkdir -m 700 NEW && tar -xf {file} -C NEW {DATABASE_FILE}{f' {KEYRING_FILE}' if with_keyring else ''}\n"
        f"  cp -a COPY/{OBJECTS_FOLDER} NEW/ && safelight up --data NEW",
        markup=False,
    )


def _verify(file: Path, folder: Path, *, hashes: bool) -> None:
    manifest = check_archive(file)
    found = asyncio.run(_tell_lacks(file, folder, hashes=hashes))
    out.print(f"{file} is whole: {_size(manifest)}, {manifest.created_at:%Y-%m-%d %H:%M:%S} UTC", markup=False)
    if found:
        out.print(
            f"[red]{found:,} of {manifest.objects:,} objects are not in {folder / OBJECTS_FOLDER}.[/red] "
            "Where their images were deleted since the backup, that is as it should be."
        )
        raise typer.Exit(FAILED)
    out.print(f"All {manifest.objects:,} objects that it asks for are in {folder / OBJECTS_FOLDER}", markup=False)


async def _tell_lacks(file: Path, folder: Path, *, hashes: bool) -> int:
    found = 0
    async for lack in lacks(file, folder, hashes=hashes):
        _tell_lack(lack)
        found += 1
    return found


def _tell_lack(lack: Lack) -> None:
    out.print(f"  {lack.asked.key} {lack.why}", markup=False)


def _size(manifest: Manifest) -> str:
    images = sum(manifest.images.values())
    return (
        f"{images:,} images, which ask for {manifest.objects:,} objects of {decimal(manifest.object_bytes)}, "
        f"revision {manifest.revision}"
    )
