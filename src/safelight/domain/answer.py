"""Answers that are kept for an `Idempotency-Key`, so that a repeated POST does nothing twice."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Question:
    """A POST that may be repeated: who asks, by which key, and a digest of what (64 hexadecimal digits)."""

    caller: str
    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What is known of a question. Until there is an answer, whoever claimed it works on it, up to `claimed_until`.

    `sealed` is the answer, encrypted: it may hold tokens, and no database holds a usable one.
    """

    question: Question
    claimed_until: datetime
    expires_at: datetime
    sealed: bytes | None = None
