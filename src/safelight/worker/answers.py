"""What a child says, checked: the image may have taken it over."""

from collections.abc import Sequence
from dataclasses import dataclass

from safelight.domain import geometry
from safelight.domain.errors import ImageRejected
from safelight.domain.geometry import Planned, Size
from safelight.domain.image import Look
from safelight.domain.measure import measure
from safelight.ports.renderer import Inspected, Part, Recipe, Rendered
from safelight.sandbox import protocol
from safelight.sandbox.protocol import Answer, Done, Finished, Header
from safelight.worker import memfile


class Lie(Exception):
    """A child said what it cannot say: it is no longer ours."""


@dataclass(frozen=True, slots=True)
class Source:
    """The image on this side of the wall: a sealed file, its length and its hash (64 hexadecimal digits)."""

    file: int
    bytes: int
    sha256: str


class Answers:
    """The answers to one image, in the one order in which they may come; from a second child where the first died."""

    def __init__(self, recipe: Recipe, source: Source, *, max_rendition_bytes: int) -> None:
        self._recipe = recipe
        self._source = source
        self._max_rendition_bytes = max_rendition_bytes
        self._header: Header | None = None
        self._told = 0
        self.begin([])

    def begin(self, renditions: Sequence[int]) -> None:
        """Hear a new child, which writes into these files."""
        self._renditions = renditions
        self._plan: list[Planned] | None = None
        self._looked = False
        self._finished = 0
        self._heard = 0
        self.complete = False

    def hear(self, packet: bytes) -> Part | None:
        """Return the part that an answer gives; None where it gives none that was not told before.

        Raises Lie, and ImageRejected where the child says so.
        """
        part = self._part(_decode(packet))
        self._heard += 1
        if part is None or self._heard <= self._told:
            return None
        self._told = self._heard
        return part

    def _part(self, answer: Answer) -> Part | None:
        match answer:
            case _ if self.complete:
                raise Lie("words after the end")
            case protocol.Refused(reason):
                raise ImageRejected(reason)
            case Header() if self._plan is None:
                return self._inspected(answer)
            case protocol.Look(placeholder, color) if self._plan is not None and not self._looked:
                self._looked = True
                return Look(placeholder, color)
            case Finished(index, length) if self._looked and index == self._finished:
                return self._rendered(length)
            case Done() if self._looked and self._plan is not None and self._finished == len(self._plan):
                self.complete = True
                return None
            case _:
                raise Lie(f"{type(answer).__name__} out of turn")

    def _inspected(self, header: Header) -> Inspected:
        recipe = self._recipe
        if (
            header.format not in recipe.accept
            or header.width * header.height > recipe.max_pixels
            or header.frames > recipe.max_frames
        ):
            raise Lie("a header outside of the limits")
        if self._header not in (None, header):
            raise Lie("a header unlike that of the first child")
        self._header = header
        self._plan = list(geometry.plan(recipe.variants, Size(header.width, header.height)))
        return Inspected(
            format=header.format,
            width=header.width,
            height=header.height,
            frames=header.frames,
            bytes=self._source.bytes,
            sha256=self._source.sha256,
        )

    def _rendered(self, length: int) -> Rendered:
        if self._plan is None or self._finished == len(self._plan):
            raise Lie("a rendition too many")
        planned = self._plan[self._finished]
        content = self._content(self._renditions[self._finished], length)
        self._finished += 1
        if measure(content) != (planned.format, planned.size):
            raise Lie(f"a rendition that is no {planned.format} of {planned.size.width} x {planned.size.height} px")
        return Rendered(planned.variant, planned.format, planned.size.width, planned.size.height, content)

    def _content(self, file: int, length: int) -> bytes:
        """Seal, then read: what is checked is what is kept."""
        try:
            memfile.seal(file)
        except OSError as error:
            raise Lie("a rendition that is still mapped for writing") from error
        actual = memfile.size(file)
        if actual != length or actual > self._max_rendition_bytes:
            raise Lie(f"a rendition of {actual} bytes that claims to have {length}")
        return memfile.read(file, length)


def _decode(packet: bytes) -> Answer:
    try:
        return protocol.decode_answer(packet)
    except ValueError as error:  # msgspec's errors are ones, and so is text that is no UTF-8
        raise Lie("no answer that exists") from error
