"""What every database must do to know whose kinds file is the newer one."""
# ruff: noqa: D102 - a test's name is its sentence

from datetime import timedelta

from safelight.domain.declaration import Declaration, Declared
from safelight.ports.records import Records
from safelight.testing.fakes import NOW

FIRST = Declaration("avatar", {"thumb": "a" * 16})
SECOND = Declaration("avatar", {"thumb": "b" * 16, "card": f"{'c' * 16} lazy"})
OTHER = Declaration("photo", {"large": "d" * 16})
LATER = NOW + timedelta(days=1)


class RecordsDeclarationsContract:
    """Inherit it, and give the fixture `records`."""

    async def test_the_declaration_that_was_first_seen_last_holds(self, records: Records) -> None:
        async with records.transaction() as tx:
            is_new = [
                await tx.declarations.declare(one, at=at) for one, at in ((FIRST, NOW), (SECOND, LATER), (OTHER, NOW))
            ]

        async with records.reading() as snapshot:
            held = await snapshot.declared("avatar")
            every = await snapshot.every_declared()
        assert is_new == [True, True, True]
        assert held == Declared(SECOND, since=LATER)
        assert every == [Declared(SECOND, since=LATER), Declared(OTHER, since=NOW)]

    async def test_an_older_declaration_that_is_made_again_does_not_hold(self, records: Records) -> None:
        async with records.transaction() as tx:
            await tx.declarations.declare(FIRST, at=NOW)
            await tx.declarations.declare(SECOND, at=NOW)

        async with records.transaction() as tx:
            is_new = await tx.declarations.declare(FIRST, at=LATER)

        async with records.reading() as snapshot:
            assert await snapshot.declared("avatar") == Declared(SECOND, since=NOW)
        assert not is_new

    async def test_an_older_declaration_holds_once_it_is_adopted(self, records: Records) -> None:
        async with records.transaction() as tx:
            await tx.declarations.declare(FIRST, at=NOW)
            await tx.declarations.declare(SECOND, at=NOW)

        async with records.transaction() as tx:
            adopted = [await tx.declarations.adopt(FIRST, at=LATER) for _ in range(2)]

        async with records.reading() as snapshot:
            assert await snapshot.declared("avatar") == Declared(FIRST, since=LATER)
        assert adopted == [True, False]

    async def test_a_declaration_that_nobody_made_can_be_adopted(self, records: Records) -> None:
        async with records.transaction() as tx:
            adopted = await tx.declarations.adopt(OTHER, at=NOW)

        async with records.reading() as snapshot:
            assert await snapshot.declared("photo") == Declared(OTHER, since=NOW)
            assert await snapshot.declared("avatar") is None
        assert adopted
