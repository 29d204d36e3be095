"""Carries the records of a data folder to Postgres, while no server has them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from safelight.adapters.queue.install import install_queue
from safelight.adapters.records.carry import Progress, Tally, carry_records, see_that_it_fits, see_that_it_is_empty
from safelight.adapters.records.check import faults
from safelight.adapters.records.migrate import present_revision
from safelight.adapters.records.migrate_postgres import migrate_postgres, present_postgres_revision
from safelight.adapters.records.revisions import every_revision
from safelight.apps.data_folder import DataNotReady, database_in, see_that_it_is_ours
from safelight.apps.lock import DataInUse, data_lock
from safelight.domain.errors import StorageFailed


async def carry_to_postgres(folder: Path, url: str, *, progress: Progress) -> Sequence[Tally]:
    """Carry what is in the folder's own database to the one at `url`, whose tables are made or brought up to date.

    May be broken off and repeated. Raises DataNotReady, DataInUse, NotCarried, StorageFailed, Busy.
    """
    source = database_in(folder)
    see_that_it_is_ours(folder)
    with _nobody_serves(folder):
        _see_that_we_know_it(f"The database in {folder}", present_revision(source))
        if wrong := faults(source):
            raise StorageFailed(f"the database in {folder} is damaged ({wrong[0]})", "Restore the last backup")
        await see_that_it_fits(source)
        await see_that_it_is_empty(url)
        await migrate_postgres(url, install=install_queue)
        _see_that_we_know_it("The Postgres database", await present_postgres_revision(url))
        return await carry_records(source, url, progress=progress)


@contextmanager
def _nobody_serves(folder: Path) -> Iterator[None]:
    try:
        with data_lock(folder):
            yield
    except DataInUse:
        raise DataInUse(
            f"A server runs on {folder}, and what it writes meanwhile would be left behind. Stop it, and run this again"
        ) from None


def _see_that_we_know_it(name: str, revision: str | None) -> None:
    """Raise DataNotReady where a later version may have made tables of which this one knows nothing."""
    if revision != every_revision()[-1]:
        raise DataNotReady(
            f"{name} is of revision {revision}, made by a later version of Safelight. Install that version here as "
            "well, and run this again"
        )
