"""The one file of a multipart form (RFC 7578), as a stream."""

from collections.abc import AsyncIterator, Callable
from math import inf

from multipart import (  # type: ignore[import-untyped]  # annotated, but without py.typed
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from safelight.domain.errors import RequestInvalid

MAX_PARTS = 32
MAX_FIELD_BYTES = 8_192
MAX_FRAME_BYTES = 64 * 1024
"""All that a form may have around its file: boundaries, part headers, other fields."""


def boundary_of(content_type: str) -> str:
    """Return the boundary that a form's content type names. Raises RequestInvalid."""
    media_type, options = parse_options_header(content_type)
    if media_type != "multipart/form-data" or not options.get("boundary"):
        raise RequestInvalid(reason="a POST must be multipart/form-data with a boundary")
    return str(options["boundary"])


async def file_of(
    chunks: AsyncIterator[bytes], boundary: str, *, see_type: Callable[[str], None]
) -> AsyncIterator[bytes]:
    """Yield the bytes of the form's one file; other fields are passed over.

    `see_type` is told the file's content type before its first byte, and may raise. Raises RequestInvalid where the
    form is malformed, or has no file, or several.
    """
    form = _Form(see_type)
    try:
        with PushMultipartParser(boundary, max_segment_size=inf, max_segment_count=MAX_PARTS, strict=True) as parser:
            async for chunk in chunks:
                for event in parser.parse(chunk):
                    if content := form.take(event):
                        yield content
    except MultipartError as error:
        raise RequestInvalid(reason=f"the form is malformed ({error})") from None
    if not form.files:
        raise RequestInvalid(reason="the form has no file")


class _Form:
    """What was seen of a form so far."""

    def __init__(self, see_type: Callable[[str], None]) -> None:
        self.files = 0
        self._see_type = see_type
        self._in_file = False
        self._around = 0

    def take(self, event: MultipartSegment | bytearray | bytes | None) -> bytes:
        """Return the file's bytes in one event of the parser."""
        if isinstance(event, MultipartSegment):
            self._begin(event)
        elif event is not None and self._in_file:
            return bytes(event)
        elif event is not None:
            self._around += len(event)
            if self._around > MAX_FIELD_BYTES:
                raise RequestInvalid(reason=f"the form's fields have over {MAX_FIELD_BYTES} bytes")
        return b""

    def _begin(self, part: MultipartSegment) -> None:
        self._in_file = part.filename is not None or part.name == "file"
        if self._in_file:
            self.files += 1
            if self.files > 1:
                raise RequestInvalid(reason="the form has more than one file")
            self._see_type(part.content_type or "")
