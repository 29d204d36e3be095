"""Which declaration of each kind holds, within a transaction of the records.

The one that was first seen last: a host that starts again with an older kinds file does not make that the newer one.
"""

from datetime import datetime
from typing import Protocol

from safelight.domain.declaration import Declaration


class Declarations(Protocol):
    """What hosts declared."""

    async def declare(self, declaration: Declaration, *, at: datetime) -> bool:
        """Let a declaration hold that nobody made before; False where somebody did, which changes nothing."""
        ...

    async def adopt(self, declaration: Declaration, *, at: datetime) -> bool:
        """Let a declaration hold, whoever made it first; False where it does."""
        ...
