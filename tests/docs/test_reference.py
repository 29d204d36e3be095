"""Every page of the reference is what the code says, and names everything that there is of its sort.

What there is, is asked of the code here once more and by another way than the pages are made, so that a page that
forgets something is found out.
"""

import dataclasses
import inspect
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Annotated, get_args, get_origin, get_type_hints

import msgspec
import pytest
import typer
from litestar import put
from litestar.handlers import HTTPRouteHandler
from pydantic import Field

import safelight
from safelight.cli.app import Commands
from safelight.cli.lazy import Lazy, load
from safelight.cli.reference import commands, errors, events, kinds, routes, settings, states
from safelight.cli.reference.__main__ import write
from safelight.cli.reference.pages import PAGES
from safelight.domain.errors import ImageRejected, Reason, Refused, SafelightError
from safelight.domain.events import Action, AuditEvent, WebhookEvent
from safelight.domain.image import MOVES, State
from safelight.http.api import ROUTES
from safelight.http.callers import WHO, By
from safelight.http.image_routes import STREAM_EVENT
from safelight.http.openapi import BODY_SHAPE, FOR_ANYBODY, problems
from safelight.http.problems import STATUS
from safelight.http.rates import Count
from safelight.settings import Settings
from safelight.settings.names import names

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"

Thing = tuple[str, str]
"""What a page must name, and the heading of the section for it; "" where any section will do."""


def everywhere(words: Collection[str]) -> set[Thing]:
    """Return things that may be named in any section."""
    return {("", str(word)) for word in words}


def codes(error: type[SafelightError]) -> set[str]:
    """Return the code of every error of ours that has one."""
    own = {error.code} if "code" in vars(error) and error.__module__ == SafelightError.__module__ else set()
    return own.union(*map(codes, error.__subclasses__()))


def parameters() -> set[Thing]:
    """Return every parameter of everything public that a kinds file can call."""
    public = [getattr(safelight, name) for name in safelight.__all__]
    return {(one.__name__, name) for one in public if callable(one) for name in inspect.signature(one).parameters}


def calls(routes: Sequence[HTTPRouteHandler] = ROUTES) -> set[Thing]:
    """Return method and path of every route, as a heading."""
    return {
        (f"{method} {re.sub(r':[a-z]+}', '}', path)}", "")
        for route in routes
        for path in route.paths
        for method in route.http_methods - {"OPTIONS", "HEAD"}
    }


def fields(shape: object, before: str = "") -> Iterator[str]:
    """Return every field of a shape, and of those in it under `field.of.it`."""
    if isinstance(shape, UnionType) or get_origin(shape) is not None:
        for one in get_args(shape):
            yield from fields(one, before)
    elif isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        for name, inner in get_type_hints(shape).items():
            yield f"{before}{name}"
            yield from fields(inner, f"{before}{name}.")


def bodies() -> set[Thing]:
    """Return every field of what a route takes in its body, under the route's heading."""
    return {
        (heading, name)
        for route in ROUTES
        for heading, _ in calls([route])
        for name in fields(route.opt.get(BODY_SHAPE))
    }


def options() -> set[Thing]:
    """Return every command as a heading, with every option and argument that it has."""
    found = set[Thing]()
    for name, lazy in Commands.table.items():
        loaded = load(name, lazy)
        for word, command in getattr(loaded, "commands", {"": loaded}).items():
            heading = f"safelight {name} {word}".strip()
            found |= {(heading, "")}
            found |= {
                (heading, max(given.opts, key=len)) for given in command.params if given.param_type_name == "option"
            }
    return found


THERE_IS: dict[str, set[Thing]] = {
    "settings": everywhere(names().values()),
    "errors": everywhere(codes(SafelightError) - {ImageRejected.code}) | everywhere(Reason),
    "states": {("States", state) for state in State},
    "events": everywhere([*WebhookEvent, *Action, STREAM_EVENT, *(one.name for one in dataclasses.fields(AuditEvent))]),
    "http": calls() | bodies() | {("Who may call", by) for by in By},
    "kinds": parameters(),
    "cli": options(),
}


def named_in(text: str) -> set[Thing]:
    """Return what a page names: its headings, and the first cell of every row whose last cell says something."""
    named, heading = set[Thing](), ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
            named.add((heading, ""))
        elif row := re.fullmatch(r"\| `([^`]+)` \|.*?([^|]*) \|", line.replace("\\|", "/")):
            words = {row[1], *re.split("[ ,]+", row[1])} if row[2].strip() else set()
            named |= {(place, word) for place in ("", heading) for word in words}
    return named


def see_that_it_names(page: str, text: str, things: Collection[Thing]) -> None:
    """Raise AssertionError unless the page names every thing, and says what it means."""
    missing = sorted(f"{place} {word}".strip() for place, word in {*things} - named_in(text))
    assert not missing, (
        f"docs/reference/{page}.md has nothing on {missing}. Say what it means where it is declared "
        f"(a docstring under it, or a description), then run `make docs`."
    )


def see_that_it_is_up_to_date(page: str, written: str) -> None:
    """Raise AssertionError unless the page in the repository is this one."""
    assert (REFERENCE / f"{page}.md").read_text() == written, (
        f"docs/reference/{page}.md is not what the code says. Run `make docs`, and commit it."
    )


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_what_make_docs_writes(page: str) -> None:
    see_that_it_is_up_to_date(page, PAGES[page]())


@pytest.mark.parametrize("page", PAGES)
def test_everything_there_is_stands_on_its_page_with_a_meaning(page: str) -> None:
    see_that_it_names(page, (REFERENCE / f"{page}.md").read_text(), THERE_IS[page])


def test_make_docs_writes_all_that_the_folder_holds(tmp_path: Path) -> None:
    write(tmp_path / "reference")

    assert {page.name for page in (tmp_path / "reference").iterdir()} == {page.name for page in REFERENCE.iterdir()}


def test_every_move_says_who_makes_it() -> None:
    assert all(by for moves in MOVES.values() for by in moves.values())


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.handler_name)
def test_every_route_says_who_may_call_it(route: HTTPRouteHandler) -> None:
    who = route.opt.get(WHO)

    assert who, (
        f"{route.handler_name} does not say who may call it: add WHO: (By...,) to its `opt`, then run `make docs`"
    )
    assert all(isinstance(by, By) for by in who)
    assert (route.security == FOR_ANYBODY) == (who == (By.ANYBODY,)) or not route.include_in_schema


def test_every_count_says_what_it_is() -> None:
    written = PAGES["http"]()

    for count in Count:
        assert re.search(rf"^\| `{count.name.lower().replace('_', ' ')}` \| \w", written, re.MULTILINE)


# What happens when something new comes: each page with one thing planted that the repository does not have.


class PlantedSettings(Settings):
    planted: int = Field(1, description="One more")


class PlantedError(Refused):
    code = "planted"
    text = "One more."


class PlantedState(StrEnum):
    PLANTED = "planted"
    """One more."""


class PlantedAction(StrEnum):
    PLANTED = "image.planted"
    """One more."""


class PlantedIn(msgspec.Struct):
    planted: Annotated[int, msgspec.Meta(description="One more")]


@put(
    "/v1/planted",
    summary="One more",
    tags=["Rules"],
    responses=problems(),
    opt={WHO: (By.ANYBODY,), BODY_SHAPE: PlantedIn},
)
async def planted_route() -> None:
    """Do one more thing."""


def planted_kind(*, planted: int = 1) -> int:
    """Declare one more.

    `planted`: one more.
    """
    return planted


def planted_command(planted: Annotated[bool, typer.Option("--planted", help="One more.")] = False) -> None:  # noqa: FBT002 - Typer's way
    """Do one more thing."""


WITH_PLANTED: dict[str, tuple[Callable[[], str], Thing]] = {
    "settings": (lambda: settings.page(PlantedSettings), ("", "SAFELIGHT_PLANTED")),
    "errors": (lambda: errors.page(STATUS | {PlantedError: 418}), ("", "planted")),
    "states": (lambda: states.page(PlantedState), ("States", "planted")),
    "events": (lambda: events.page(actions=PlantedAction), ("", "image.planted")),
    "http": (lambda: routes.page([*ROUTES, planted_route]), ("PUT /v1/planted", "planted")),
    "kinds": (lambda: kinds.page([*kinds.DECLARED, planted_kind]), ("planted_kind", "planted")),
    "cli": (
        lambda: commands.page({"planted": Lazy("One more.", f"{__name__}:planted_command")}),
        ("safelight planted", "--planted"),
    ),
}


@pytest.mark.parametrize("page", PAGES)
def test_what_is_new_comes_onto_its_page_by_itself(page: str) -> None:
    make, planted = WITH_PLANTED[page]

    see_that_it_names(page, make(), {planted})


@pytest.mark.parametrize("page", PAGES)
def test_what_is_new_and_not_on_its_page_is_found_out(page: str) -> None:
    _, planted = WITH_PLANTED[page]

    with pytest.raises(AssertionError, match=r"(?i)has nothing on \['.*planted.*'\].*run `make docs`"):
        see_that_it_names(page, (REFERENCE / f"{page}.md").read_text(), {*THERE_IS[page], planted})


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_is_older_than_the_code_is_found_out(page: str) -> None:
    make, _ = WITH_PLANTED[page]

    with pytest.raises(AssertionError, match="Run `make docs`"):
        see_that_it_is_up_to_date(page, make())


def test_what_has_no_meaning_is_found_out() -> None:
    class Unexplained(StrEnum):
        PLANTED = "image.planted"

    with pytest.raises(AssertionError, match="a docstring under it"):
        see_that_it_names("events", events.page(actions=Unexplained), {("", "image.planted")})
