"""What Postgres raises, in our words."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from safelight.domain.errors import StorageFailed

LOST = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresError)
"""What is raised where Postgres cannot be reached, breaks off, or has trouble of its own."""


@contextmanager
def storage_failures() -> Iterator[None]:
    """Turn what is raised where Postgres is not to be had into StorageFailed."""
    try:
        yield
    except OSError as error:  # as TimeoutError is
        raise StorageFailed(f"the queue's database cannot be reached: {str(error) or type(error).__name__}") from error
    except LOST as error:
        raise StorageFailed(f"the queue's database says: {error or type(error).__name__}") from error
