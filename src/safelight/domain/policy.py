"""Whether a caller may do a thing, as far as that follows from who it is. Closed by default."""

from safelight.domain.image import Image
from safelight.domain.who import Role, Scope, Who


def upload_by_role(who: Who) -> bool | None:
    """Whether `who` may upload, whatever the kind; None for a user, about whom the kind's rule is asked.

    The application may with a key of the right scope, whoever it acts for: rules are for users.
    """
    match who.role:
        case Role.APPLICATION:
            return who.may(Scope.UPLOAD)
        case Role.USER:
            return None
        case _:
            return False


def owns(who: Who, image: Image) -> bool:
    """Whether `who` is the user that the image was uploaded for."""
    return who.role is Role.USER and who.id is not None and who.id == image.owner
