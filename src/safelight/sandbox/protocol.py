"""The messages between the worker, the zygote and its child: JSON, one to a packet.

    worker -> zygote   Job, with the child's files
    zygote -> worker   Ready once; then for each Job a Started, with the child's pidfd, and an Ended
    child  -> worker   Header, Look, a Finished for each rendition in the order of `geometry.plan`, Done;
                       or Refused at any point

The child's words are those of whoever sent the image: the bounds here are checked when they are read.
"""

from collections.abc import Callable, Mapping
from typing import Annotated

from msgspec import Meta, Struct, json

from safelight.domain.errors import Reason
from safelight.domain.formats import InputFormat
from safelight.domain.kind import MAX_RENDITIONS
from safelight.ports.renderer import Recipe

MAX_PACKET_BYTES = 60_000
"""Largest message on the socket between worker and zygote; one packet of it holds over 200 kB."""

MAX_ANSWER_BYTES = 4096
"""Largest message of a child: PIPE_BUF, which a pipe in packet mode (O_DIRECT, pipe(2)) keeps in one piece."""

MAX_ANSWERS = MAX_RENDITIONS + 3
"""Most messages of one child: a header, a look, the renditions and the end."""

MAX_FILES = MAX_RENDITIONS + 2
"""Most files that go with a Job: where to answer, the image, the renditions."""

Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class Limits(Struct, frozen=True):
    """What one child may use: seconds of CPU, bytes of memory, bytes of one rendition."""

    cpu_seconds: int
    memory_bytes: int
    rendition_bytes: int


class Job(Struct, frozen=True):
    """Render one image. Its files: the pipe to answer on, the image of so many bytes, one for each rendition."""

    recipe: Recipe
    input_bytes: int
    limits: Limits


class Ready(Struct, frozen=True, tag="ready"):
    """The zygote takes jobs."""


class Started(Struct, frozen=True, tag="started"):
    """A child lives; its pidfd comes along."""

    pid: int


class Ended(Struct, frozen=True, tag="ended"):
    """A child was reaped. `code` is its exit code, or minus the signal that ended it; then what it used and wrote."""

    code: int
    cpu_seconds: float
    peak_bytes: int
    complaint: str


class Header(Struct, frozen=True, tag="header", forbid_unknown_fields=True):
    """What the image says of itself: upright size in pixels, frames."""

    format: InputFormat
    width: Count
    height: Count
    frames: Count


class Look(Struct, frozen=True, tag="look", forbid_unknown_fields=True):
    """The placeholder (a ThumbHash in base64) and the dominant colour."""

    placeholder: Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{6,40}={0,2}\Z")]
    color: Annotated[str, Meta(pattern=r"^#[0-9a-f]{6}\Z")]


class Finished(Struct, frozen=True, tag="finished", forbid_unknown_fields=True):
    """Rendition number `index` of the plan lies in its file."""

    index: Annotated[int, Meta(ge=0, lt=MAX_RENDITIONS)]
    bytes: Count


class Refused(Struct, frozen=True, tag="refused", forbid_unknown_fields=True):
    """The image is not taken."""

    reason: Reason


class Done(Struct, frozen=True, tag="done", forbid_unknown_fields=True):
    """Everything was said."""


Notice = Ready | Started | Ended
"""What the zygote says."""

Answer = Header | Look | Finished | Refused | Done
"""What the child says."""


def _plain(value: object) -> object:
    """Return what msgspec can write of a kind's read-only mappings."""
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(type(value))


encode = json.Encoder(enc_hook=_plain).encode
decode_job = json.Decoder(Job).decode
decode_notice: Callable[[bytes], Notice] = json.Decoder(Notice).decode
decode_answer: Callable[[bytes], Answer] = json.Decoder(Answer).decode
