"""Whom Postgres turns away hears what to do about it; one that says nothing is not waited for in the end."""

import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import text

from safelight.adapters.records.migrate_postgres import migrate_postgres
from safelight.adapters.records.postgres import PostgresDatabase
from safelight.domain.errors import StorageFailed
from safelight.testing.postgres import Postgres


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


async def test_a_parameter_that_there_is_not_is_looked_for_in_the_url(postgres_url: str) -> None:
    refused = await refusal_of(f"{postgres_url}?sslmod=require")

    assert 'unrecognized configuration parameter "sslmod"' in refused.reason
    assert "what follows the question mark" in refused.cure


async def test_a_user_without_rights_is_to_be_given_them(postgres: Postgres) -> None:
    empty = postgres.create_database("of_somebody_else")

    with pytest.raises(StorageFailed) as raised:
        await migrate_postgres(f"{empty}?role=pg_monitor")

    assert "permission denied for schema public" in raised.value.reason
    assert "own the database" in raised.value.cure


async def test_a_table_of_another_program_is_in_the_way(postgres: Postgres) -> None:
    taken = postgres.create_database("of_another_program")
    connection = await asyncpg.connect(taken)
    await connection.execute("CREATE TABLE image (id text)")
    await connection.close()

    with pytest.raises(StorageFailed) as raised:
        await migrate_postgres(taken)

    assert raised.value.reason.endswith('relation "image" already exists')
    assert "give Safelight one of its own" in raised.value.cure


async def test_what_cannot_be_reached_at_all_is_to_be_started() -> None:
    refused = await refusal_of("postgresql://me:hidden@127.0.0.1:1/db")

    assert refused.cure.startswith("See that Postgres runs")
    assert "hidden" not in str(refused)


def test_a_failure_without_a_cure_of_its_own_sends_to_the_state_and_the_log() -> None:
    told = str(StorageFailed("the disk is full"))

    assert told == "Data cannot be read or written: the disk is full. See the state and the log of what keeps it."


async def test_who_waits_for_an_answer_is_let_go_when_connections_are_cut_off(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url)

    async def ask_in_vain() -> None:
        async with database.writing() as connection:
            asyncio.get_running_loop().call_later(0.1, database.cut_off)
            await connection.execute(text("SELECT pg_sleep(3600)"))

    with pytest.raises(StorageFailed, match="connection was closed"):
        await ask_in_vain()
    with pytest.raises(StorageFailed, match="this process ends"):
        await ask_in_vain()
    await database.close()
