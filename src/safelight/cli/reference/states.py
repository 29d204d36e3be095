"""The page of states."""

from collections.abc import Iterable, Iterator, Mapping

from safelight.cli.reference.described import meanings
from safelight.cli.reference.markdown import table
from safelight.domain.events import TOLD
from safelight.domain.image import BYTES_NEEDED, BYTES_OWED, FINAL, GONE, HOLDING, MOVES, SHOWN, State

INTRODUCTION = """# States

`status` of an image, in CHECK, events and webhooks. The store changes a state only from the one that it was in, and
only as the table of moves allows; every change raises the image's revision.

This page is made from `src/safelight/domain/image.py` by `make docs`.
"""

COLUMNS = """## What holds in each

- **final**: whoever waits for the image need not wait any longer; long polls and event streams end.
- **told**: the [webhook](events.md) that is sent when it is reached.
- **shown**: what is stored of it can be read by whoever may see the image.
- **quota**: it counts towards the bytes and images of its owner, and takes a place of its record.
- **bytes**: *needed*: what was sent is kept until it is rendered. *kept*: variants, and the original where the kind
  keeps it. *purged*: everything is removed. Calls for an image that is gone get 410 or 404.
"""


def page(states: type[State] = State, moves: Mapping[State, Mapping[State, str]] = MOVES) -> str:
    """Return the page."""
    said = meanings(states)
    parts = (
        INTRODUCTION,
        table(("state", "meaning"), [(f"`{state}`", said[state.name]) for state in states]),
        "## Moves\n",
        _picture(moves),
        table(("from", "to", "by"), _moves(moves)),
        COLUMNS,
        table(("state", "final", "told", "shown", "quota", "bytes"), map(_facts, states)),
    )
    return "\n".join(parts)


def _picture(moves: Mapping[State, Mapping[State, str]]) -> str:
    """Return the moves as a diagram that GitHub and others draw. That everything can be deleted is left out of it."""
    ways = [f"    {was} --> {now}" for was, ways in moves.items() for now in ways if now is not State.DELETED]
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {State.REQUESTED}", *ways, "```", ""]
    return "\n".join([*lines, "And from every state to `deleted`.", ""])


def _moves(moves: Mapping[State, Mapping[State, str]]) -> Iterator[tuple[str, str, str]]:
    for was, ways in moves.items():
        for now, by in ways.items():
            yield f"`{was}`", f"`{now}`", by


def _facts(state: State) -> tuple[str, ...]:
    told = f"`{TOLD[state]}`" if state in TOLD else ""
    return f"`{state}`", _mark(state, FINAL), told, _mark(state, SHOWN), _mark(state, HOLDING), _bytes(state)


def _mark(state: State, marked: Iterable[State]) -> str:
    return "yes" if state in marked else ""


def _bytes(state: State) -> str:
    if state in BYTES_OWED:
        return "purged, gone" if state in GONE else "purged"
    return "needed" if state in BYTES_NEEDED else "kept"
