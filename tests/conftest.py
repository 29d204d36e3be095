"""What every test may use."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import hypothesis
import pytest
import structlog

from safelight.adapters.queue.install import install_queue
from safelight.adapters.records.migrate_postgres import migrate_postgres
from safelight.adapters.s3.credentials import AccessKey, S3Credentials
from safelight.testing.postgres import Postgres, a_postgres
from safelight.testing.s3 import S3Place, s3_place
from safelight.testing.server import Server
from safelight_client import Client

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So it is where a shell starts the tests in the background, and what they start would take no Ctrl-C, either.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What takes longer on a machine with other work is no fault: nothing is tested by the clock.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

EMPTY = "empty"
NUMBERS = count(1)

EVENTUALLY_S = 30
PHOTO = Path(__file__).parents[1] / "src/safelight/cli/dandelions.jpg"


@pytest.fixture(autouse=True)
def fresh_logs() -> Iterator[None]:
    """Forget how a test had logs written: to a stream that ends with it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real Postgres, for all tests of this process, with a migrated database to be copied."""
    with a_postgres() as server:
        url = server.create_database(EMPTY)
        with ThreadPoolExecutor(1) as apart:
            apart.submit(asyncio.run, migrate_postgres(url, install=install_queue)).result()
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """The URL of a migrated database that is empty."""
    return postgres.create_database(f"test{next(NUMBERS)}", template=EMPTY)


@pytest.fixture(scope="session")
def photo() -> Path:
    """A real photograph of 16 megapixels."""
    return PHOTO


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Place]:
    """A place on a real S3 server, for the whole session."""
    with s3_place() as place:
        yield place


@pytest.fixture(scope="session")
def s3_credentials(s3: S3Place) -> S3Credentials:
    """What opens that place."""
    given = s3.environment
    return S3Credentials(
        AccessKey(given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"], given.get("AWS_SESSION_TOKEN"))
    )


@pytest.fixture
def s3_url(s3: S3Place) -> str:
    """The setting of an empty part of a bucket."""
    return s3.new_url()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers, each on a folder of its own, that end with the test."""
    with ExitStack() as stack:

        def start(name: str = "data", **settings: str) -> Server:
            return stack.enter_context(Server(tmp_path / name, settings))

        yield start


@pytest.fixture
def server(start_server: Callable[..., Server]) -> Server:
    """A server with the example kinds."""
    return start_server()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """A client with every right on that server."""
    with Client(server.url, api_key=server.key) as client:
        yield client


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], object]], None]:
    """Waits until something is so, and fails when it is not after half a minute."""

    def wait(is_so: Callable[[], object]) -> None:
        deadline = time.monotonic() + EVENTUALLY_S
        while not (found := is_so()):
            assert time.monotonic() < deadline, f"still {found!r}"
            time.sleep(0.05)

    return wait
