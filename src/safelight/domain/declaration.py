"""What hosts declare of a kind, as far as its renditions go: how they find out whose kinds file is the newer one."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from safelight.domain.kind import Kind
from safelight.domain.variant import Variant


@dataclass(frozen=True, slots=True)
class Declaration:
    """The variants of a kind: by name, the fingerprint of each, and whether it is lazy. All else may differ.

    A version of Safelight that renders otherwise declares otherwise: that is part of a fingerprint.
    """

    kind: str
    variants: Mapping[str, str]

    @classmethod
    def of(cls, kind: Kind) -> "Declaration":
        """Return what this process declares of a kind."""
        return cls(kind.name, {name: _recipe(variant) for name, variant in kind.variants.items()})

    @property
    def digest(self) -> str:
        """Tells one declaration of a kind from another."""
        return hashlib.sha256(json.dumps(self.variants, sort_keys=True).encode()).hexdigest()

    def differing(self, other: "Declaration") -> list[str]:
        """Return the names of the variants that are not the same in both."""
        names = self.variants.keys() | other.variants.keys()
        return sorted(name for name in names if self.variants.get(name) != other.variants.get(name))

    def agrees(self, kind: Kind, variant: str) -> bool:
        """Whether one variant is the same here as in the kind."""
        return self.variants.get(variant) == _recipe(kind.variants[variant])


def _recipe(variant: Variant) -> str:
    return variant.fingerprint + (" lazy" if variant.lazy else "")


@dataclass(frozen=True, slots=True)
class Declared:
    """The declaration that holds for a kind, and since when."""

    declaration: Declaration
    since: datetime
