"""Asks the rules of a kind."""

from typing import Protocol

from safelight.domain.image import Attachment, Image
from safelight.domain.kind import Kind
from safelight.domain.who import Who


class Policy(Protocol):
    """Whether a caller may do a thing. Closed by default: no rule, no answer in time and an error are refusals."""

    async def may_upload(self, kind: Kind, who: Who, target: Attachment | None) -> bool:
        """Whether `who` may upload an image of `kind` for `target`."""
        ...

    async def may_view(self, kind: Kind, who: Who, image: Image) -> bool:
        """Whether `who` may see `image`, which is of `kind`."""
        ...
