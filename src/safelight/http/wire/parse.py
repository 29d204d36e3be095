"""How JSON that comes in is read."""

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from safelight.domain.errors import RequestInvalid

Word = Annotated[str, Meta(min_length=1, max_length=200, pattern="^[^\\u0000]*$")]
"""A name that the application gives to something of its own. No database keeps a character 0."""

Shape = TypeVar("Shape")


def parse(body: bytes, shape: type[Shape]) -> Shape:
    """Return what the JSON of a request says; a number is a number and no text. Raises RequestInvalid."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.DecodeError as error:
        raise RequestInvalid(reason=str(error).removesuffix(".")) from None
    except UnicodeDecodeError:
        raise RequestInvalid(reason="the JSON is not UTF-8") from None
    except RecursionError:
        raise RequestInvalid(reason="the JSON is nested too deeply") from None
