"""Whom Postgres turns away hears what to do about it."""

from urllib.parse import urlsplit

import pytest

from safelight.adapters.records.postgres import PostgresDatabase
from safelight.domain.errors import StorageFailed


async def refusal_of(url: str) -> StorageFailed:
    """Return what is raised where a database is read by that URL."""
    database = PostgresDatabase(url, connections=1)
    try:
        with pytest.raises(StorageFailed) as raised:
            async with database.glancing():
                pass
    finally:
        await database.close()
    return raised.value


async def test_a_database_that_is_not_there_is_to_be_created_or_another_named(postgres_url: str) -> None:
    url = urlsplit(postgres_url)._replace(path="/not_there").geturl()

    refused = await refusal_of(url)

    assert refused.reason == 'the database says: database "not_there" does not exist'
    assert "createdb NAME" in refused.cure


async def test_a_user_who_may_not_connect_is_sent_to_the_url_and_what_to_encode_in_it(postgres_url: str) -> None:
    url = urlsplit(postgres_url)
    stranger = url._replace(netloc=f"stranger:hidden@{url.hostname}:{url.port}").geturl()

    refused = await refusal_of(stranger)

    assert "the user and the password in SAFELIGHT_DATABASE_URL" in str(refused)
    assert "percent-encode" in str(refused)
    assert "hidden" not in str(refused)


async def test_what_cannot_be_reached_at_all_is_to_be_started() -> None:
    refused = await refusal_of("postgresql://me:hidden@127.0.0.1:1/db")

    assert refused.cure.startswith("See that Postgres runs")
    assert "hidden" not in str(refused)


def test_a_failure_without_a_cure_of_its_own_sends_to_the_state_and_the_log() -> None:
    told = str(StorageFailed("the disk is full"))

    assert told == "Data cannot be read or written: the disk is full. See the state and the log of what keeps it."
