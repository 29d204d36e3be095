"""Which declaration of each kind holds: ports.declarations.Declarations on one connection."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select, update

from safelight.adapters.records.statements import Statements
from safelight.adapters.records.tables import declaration, kind
from safelight.domain.declaration import Declaration, Declared


class SqlDeclarations:
    """Changes what holds, one process at a time for each kind: its row in `kind` is locked first."""

    def __init__(self, statements: Statements) -> None:
        self._run = statements

    async def declare(self, declared: Declaration, *, at: datetime) -> bool:
        """Let a declaration hold that nobody made before."""
        await self._lock(declared, at)
        new = await self._note(declared, at)
        if new:
            await self._let_hold(declared, at)
        return new

    async def adopt(self, declared: Declaration, *, at: datetime) -> bool:
        """Let a declaration hold, whoever made it first."""
        is_first = await self._lock(declared, at)
        await self._note(declared, at)
        return await self._let_hold(declared, at) or is_first

    async def _lock(self, declared: Declaration, at: datetime) -> bool:
        """Lock the kind; return whether nobody knew of it."""
        first = {"name": declared.kind, "digest": declared.digest, "since": at}
        if await self._run.insert_new(kind, first):
            return True
        await self._run.execute(select(kind.c.name).where(kind.c.name == declared.kind).with_for_update())
        return False

    async def _note(self, declared: Declaration, at: datetime) -> bool:
        noted = {"kind": declared.kind, "digest": declared.digest, "variants": json.dumps(dict(declared.variants))}
        return await self._run.insert_new(declaration, noted | {"first_seen_at": at})

    async def _let_hold(self, declared: Declaration, at: datetime) -> bool:
        another = (kind.c.name == declared.kind, kind.c.digest != declared.digest)
        return await self._run.did(update(kind).where(*another).values(digest=declared.digest, since=at))


def holding() -> Select[*tuple[Any, ...]]:
    """Return the query for the declarations that hold."""
    made = (declaration.c.kind == kind.c.name) & (declaration.c.digest == kind.c.digest)
    return (
        select(declaration.c.kind, declaration.c.variants, kind.c.since).join(declaration, made).order_by(kind.c.name)
    )


def declared_from(row: Row[*tuple[Any, ...]]) -> Declared:
    """Return what a row of `holding` says."""
    return Declared(Declaration(row.kind, json.loads(row.variants)), row.since)
