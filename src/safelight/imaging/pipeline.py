"""The pipeline: read it downwards."""

import pyvips

from safelight.domain.errors import ImageRejected
from safelight.imaging.color import drop_opaque_alpha, to_srgb
from safelight.imaging.crop import cut_to_shape
from safelight.imaging.encode import encode_renditions
from safelight.imaging.fault import reason_of
from safelight.imaging.limits import check_claim, check_limits, plan
from safelight.imaging.load import read_header
from safelight.imaging.look import take_look
from safelight.imaging.orient import settle
from safelight.imaging.resize import cascade, decode
from safelight.imaging.sniff import sniff_format
from safelight.imaging.tiny import take_tiny
from safelight.imaging.work import Step, Tell, Work
from safelight.ports.renderer import Recipe

READING: tuple[Step, ...] = (
    sniff_format,  #       the first bytes choose the one loader
    check_claim,  #        before any library sees the file
    read_header,  #        no pixel yet
    check_limits,  #       refused here, or the header is told
    plan,  #               which renditions, how large
    decode,  #             once, at the largest size that is needed
    to_srgb,
    settle,  #             here the decoder runs; then upright
)
"""What reads the file: what goes wrong here is the file's fault."""

WRITING: tuple[Step, ...] = (
    drop_opaque_alpha,
    cascade,  #            every size, from the next larger one
    take_tiny,
    take_look,  #          placeholder and colour are told
    cut_to_shape,  #       around what the eye goes to first
    encode_renditions,  #  small ones first; each is told as it is finished
)


def render(content: bytes, recipe: Recipe, tell: Tell) -> None:
    """Render an image, telling of each part as soon as it is there. Raises ImageRejected."""
    work = Work(content, recipe, tell)
    try:
        for step in READING:
            step(work)
    except (pyvips.Error, ValueError, EOFError, SyntaxError, OSError) as error:
        raise ImageRejected(reason_of(error, work)) from error
    for step in WRITING:
        step(work)
