"""The child: one image, then death."""

import os
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

from safelight.domain.errors import ImageRejected, Reason
from safelight.ports.renderer import Recipe, Rendered
from safelight.sandbox import lock, protocol
from safelight.sandbox.protocol import Done, Finished, Header, Job, Look, Refused

Part = Header | Look | Rendered
Tell = Callable[[Part], None]
Render = Callable[[bytes, Recipe, Tell], None]
"""Renders an image, and tells of each part as soon as it is there. Raises ImageRejected."""


def run(packet: bytes, files: Sequence[int], complaints: int, *, render: Render, parent: int) -> NoReturn:
    """Do the job of `packet`, answer on the first of `files`, and die."""
    code = 1
    try:
        job = protocol.decode_job(packet)
        lock.lock_child(job.limits, parent=parent, complaints=complaints, keep=files)
        _work(job, files, render)
        code = 0
    except BaseException:  # noqa: BLE001 - the edge of the process: told by its exit code and on standard error
        traceback.print_exc()
    finally:
        os._exit(code)


def _work(job: Job, files: Sequence[int], render: Render) -> None:
    answers, image, *renditions = files
    waiting = iter(enumerate(renditions))

    def tell(part: Part) -> None:
        if isinstance(part, Rendered):
            index, file = next(waiting)
            _write(file, part.content)
            part_said: Header | Look | Finished = Finished(index, len(part.content))
        else:
            part_said = part
        os.write(answers, protocol.encode(part_said))

    try:
        render(_read(image, job.input_bytes), job.recipe, tell)
        ending: Done | Refused = Done()
    except ImageRejected as rejected:
        ending = Refused(rejected.reason)
    except MemoryError:
        ending = Refused(Reason.UNPROCESSABLE)
    os.write(answers, protocol.encode(ending))


def _read(file: int, length: int) -> bytes:
    """Return the whole file. Mapping it would take a further file descriptor, and none is to be had."""
    content = os.pread(file, length, 0)
    if len(content) != length:
        message = f"read {len(content)} of {length} bytes of the image"
        raise OSError(message)
    return content


def _write(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]
