"""How far an upload is: one progress over all of its steps."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """The steps that whoever uploads sees, in order."""

    REQUESTED = "requested"
    UPLOADING = "uploading"
    CONFIRMED = "confirmed"
    PROCESSING = "processing"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class Progress:
    """`fraction` goes from 0 to 1 over all steps, and never back; `bytes_sent` does where sending begins again."""

    step: Step
    bytes_sent: int
    bytes_total: int
    fraction: float


Listener = Callable[[Progress], None]

UPLOAD_SHARE = 0.7
"""Part of the whole that the bytes take up, where processing is waited for: about what a user on a home line sees."""


class Meter:
    """Reckons the progress and tells it."""

    def __init__(self, listener: Listener | None, *, total: int, waits: bool) -> None:
        """Take who listens, the file's bytes, and whether processing is waited for."""
        self._listener = listener
        self._total = total
        self._upload_share = UPLOAD_SHARE if waits else 1.0
        self._sent = 0
        self._fraction = 0.0

    def requested(self) -> None:
        """Tell that the server gave leave to upload."""
        self._tell(Step.REQUESTED, 0.0)

    def uploading(self, sent: int) -> None:
        """Tell that so many bytes were sent."""
        self._sent = sent
        self._tell(Step.UPLOADING, self._upload_share * (sent / self._total if self._total else 1.0))

    def confirmed(self) -> None:
        """Tell that the server has the whole file."""
        self._sent = self._total
        self._tell(Step.CONFIRMED, self._upload_share)

    def processing(self, part: float) -> None:
        """Tell that so much of the processing (0 to 1) is done."""
        self._tell(Step.PROCESSING, self._upload_share + (1 - self._upload_share) * part)

    def ready(self) -> None:
        """Tell that the image is ready."""
        self._tell(Step.READY, 1.0)

    def _tell(self, step: Step, fraction: float) -> None:
        self._fraction = max(self._fraction, min(fraction, 1.0))
        if self._listener:
            self._listener(Progress(step, self._sent, self._total, self._fraction))
