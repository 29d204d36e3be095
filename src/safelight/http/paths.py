"""Parts of paths that are the application's own words: anything may stand in them, a slash as well."""

from typing import Annotated, cast
from urllib.parse import unquote_to_bytes

import msgspec
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.params import PathParameter
from litestar.types import HTTPScope, LifeSpanReceive, LifeSpanScope, LifeSpanSend, Receive, Scope, Send

from safelight.domain.errors import RequestInvalid
from safelight.domain.image import Attachment
from safelight.http.wire.parse import Word

RAW = ("/v1/records/", "/v1/owners/")
"""What the paths begin with, once decoded, whose parts are still percent-encoded when a route gets them."""

RecordType = Annotated[str, PathParameter(description="Type of the application's record, percent-encoded")]
RecordId = Annotated[str, PathParameter(description="Id of the application's record, percent-encoded")]
OwnerId = Annotated[str, PathParameter(description="Id of the user, percent-encoded")]


class RawPaths(Litestar):
    """Routes such paths as they were sent: once decoded, an id with a slash would look like two parts."""

    async def __call__(
        self, scope: Scope | LifeSpanScope, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        """Answer one request."""
        if scope["type"] == ScopeType.HTTP:
            sent = cast("HTTPScope", scope)
            if sent["path"].startswith(RAW):
                sent["path"] = sent["raw_path"].decode("latin-1")
        await super().__call__(scope, receive, send)


def word(part: str, name: str) -> str:
    """Return what a percent-encoded part of a path says. Raises RequestInvalid where it is no Word."""
    try:
        return msgspec.convert(unquote_to_bytes(part.encode("latin-1")).decode(), Word)
    except (msgspec.ValidationError, UnicodeDecodeError) as error:
        raise RequestInvalid(reason=f"{name} in the path: {error}") from None


def record_in(record_type: str, record_id: str) -> Attachment:
    """Return the record that a path names. Raises RequestInvalid."""
    return Attachment(word(record_type, "the type"), word(record_id, "the id"))
