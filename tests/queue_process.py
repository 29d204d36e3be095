"""A worker as a process of its own, for tests to kill: python queue_process.py URL WHAT HEARTBEAT_SECONDS TRIES.

It prints `begun` when it runs a job. WHAT it does with one: `hold` it without end, or `die` of it.
"""

import asyncio
import os
import signal
import sys
from datetime import timedelta

from safelight.adapters.listener import open_postgres_listener
from safelight.adapters.queue.postgres import open_postgres_queue
from safelight.adapters.system import SystemClock
from safelight.domain.jobs import Job


async def work(url: str, what: str, heartbeat_timeout: timedelta, max_tries: int) -> None:
    async def handler(_job: Job) -> None:
        sys.stdout.write("begun\n")
        sys.stdout.flush()
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.Event().wait()

    async with (
        open_postgres_listener(url) as listener,
        open_postgres_queue(
            url,
            SystemClock(),
            listener=listener,
            heartbeat_timeout=heartbeat_timeout,
            poll_every=heartbeat_timeout / 4,
            max_tries=max_tries,
        ) as queue,
    ):
        await queue.run(handler, concurrency=1)


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2], timedelta(seconds=float(sys.argv[3])), int(sys.argv[4])))
