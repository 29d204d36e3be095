"""Who asks, and what an API key may do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NewType

ApiKeyId = NewType("ApiKeyId", str)

NO_CLAIMS: Mapping[str, Any] = MappingProxyType({})


class Scope(StrEnum):
    """What an API key may do."""

    UPLOAD = "upload"
    """Request and confirm uploads of any kind."""
    READ = "read"
    """See every image and its protected renditions."""
    MANAGE = "manage"
    """Delete, review and reprocess images, make them public or protected; see, block and erase owners."""


class Role(StrEnum):
    """What a caller showed to be who it is."""

    NOBODY = "nobody"
    SYSTEM = "system"
    """Safelight itself: the worker, upkeep, the command line."""
    APPLICATION = "application"
    """The application's own server, by an API key."""
    USER = "user"
    """A user of the application."""


@dataclass(frozen=True, slots=True)
class Who:
    """The caller, as rules see it: `who.id` is the user's id, or the user that the application names."""

    role: Role
    id: str | None = None
    scopes: frozenset[Scope] = frozenset()
    claims: Mapping[str, Any] = field(default_factory=lambda: NO_CLAIMS)
    api_key: ApiKeyId | None = None

    def may(self, scope: Scope) -> bool:
        """Whether this is the application with a key of that scope."""
        return self.role is Role.APPLICATION and scope in self.scopes

    @property
    def name(self) -> str:
        """How the audit log calls the caller."""
        if self.api_key is not None:
            return f"key:{self.api_key}" + (f" for {self.id}" if self.id else "")
        return f"user:{self.id}" if self.id else str(self.role)


NOBODY = Who(Role.NOBODY)
SYSTEM = Who(Role.SYSTEM)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key without its secret, of which only the SHA-256 is kept."""

    id: ApiKeyId
    name: str
    secret_sha256: str
    scopes: frozenset[Scope]
    created_at: datetime
    revoked_at: datetime | None = None
    expires_at: datetime | None = None
    """From then on it opens nothing: so ends a key that was rotated."""

    def has_ended(self, now: datetime) -> bool:
        """Whether it is revoked, or past its end."""
        return self.revoked_at is not None or (self.expires_at is not None and now >= self.expires_at)
