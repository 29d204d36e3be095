"""Whether a caller may do a thing. Closed by default."""

import inspect

from safelight.domain.image import Attachment
from safelight.domain.kind import Kind
from safelight.domain.who import Role, Scope, Who


async def may_upload(kind: Kind, who: Who, target: Attachment | None) -> bool:
    """Whether `who` may upload an image of `kind` for `target`: the application, or whom the kind's rule lets."""
    if who.role is Role.APPLICATION:
        return who.may(Scope.UPLOAD)  # whoever it acts for: the rule is for users
    if who.id is None or kind.may_upload is None:
        return False
    verdict = kind.may_upload(who, target)
    return bool(await verdict if inspect.isawaitable(verdict) else verdict)
