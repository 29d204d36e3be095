"""What is not there and has to be, with its cure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lack:
    """What is lacking, and what to do; as text, both."""

    seen: str
    cure: str

    def __str__(self) -> str:
        return f"{self.seen}. {self.cure}"
