"""Who may call a route: declared with each, for the reference and for tests that try every route as everybody."""

from enum import StrEnum

WHO = "who"
"""Key of a route's `opt`: by what it may be called, as a tuple of By. Any one of them will do."""


class By(StrEnum):
    """By what a call may be allowed."""

    ANYBODY = "anybody"
    """No credential is needed."""
    PUBLIC = "anybody, if public"
    """No credential is needed for a public image."""
    UPLOAD_KEY = "key: upload"
    """The application's server, by an API key with the scope `upload`."""
    READ_KEY = "key: read"
    """The application's server, by an API key with the scope `read`."""
    MANAGE_KEY = "key: manage"
    """The application's server, by an API key with the scope `manage`."""
    USER = "user"
    """Any user of the application, by a JWT. It gets what it may see."""
    UPLOADER = "user: may_upload"
    """A user of the application, by a JWT, whom the kind's rule lets upload. What it attaches must be its own."""
    OWNER = "user: owner"
    """The user of the application that the image was uploaded for, by a JWT."""
    VIEWER = "user: may_view"
    """A user of the application, by a JWT, whom the kind's rule lets see the image."""
    WRITE_TOKEN = "write token"  # noqa: S105 - the words, and none itself
    """Whoever has the image's write token, as a bearer."""
    READ_TOKEN = "read token"  # noqa: S105 - the words, and none itself
    """Whoever has the image's read token, as a bearer or as `?read_token=`."""
    SIGNATURE = "signed URL"
    """Whoever has a URL that `POST /v1/urls` signed for the variant."""
