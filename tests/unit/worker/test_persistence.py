"""What would be dear to lose is tried again while the database is away for a moment."""

from datetime import timedelta

import pytest

from safelight.domain.errors import Busy, ImageRejected, Reason, SafelightError, StorageFailed
from safelight.worker.persistence import persistently

AT_ONCE = (timedelta(0), timedelta(0))


class Work:
    """Raises these errors, one at each try, and then returns."""

    def __init__(self, *errors: SafelightError) -> None:
        self.errors = [*errors]
        self.tries = 0

    async def __call__(self) -> str:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


async def test_what_the_database_could_not_do_is_done_when_it_can() -> None:
    work = Work(StorageFailed("away"), Busy())

    done = await persistently(work, pauses=AT_ONCE)

    assert (done, work.tries) == ("done", 3)


async def test_after_the_last_pause_the_error_is_told() -> None:
    work = Work(*[StorageFailed("away")] * 3)

    with pytest.raises(StorageFailed):
        await persistently(work, pauses=AT_ONCE)

    assert work.tries == 3


async def test_what_is_not_the_databases_fault_is_not_tried_again() -> None:
    work = Work(ImageRejected(Reason.UNPROCESSABLE))

    with pytest.raises(ImageRejected):
        await persistently(work, pauses=AT_ONCE)

    assert work.tries == 1
