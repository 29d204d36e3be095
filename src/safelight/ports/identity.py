"""Knows the application's own users by the tokens that it gave them."""

from typing import Protocol

from safelight.domain.who import Who


class Identities(Protocol):
    """Verifies JWTs."""

    async def user(self, token: str) -> Who:
        """Return the user that a JWT names, its subject. Raises NotAuthenticated, and Busy where it cannot tell.

        One that is expired, of another issuer or audience, or signed otherwise than was agreed, names nobody.
        """
        ...
