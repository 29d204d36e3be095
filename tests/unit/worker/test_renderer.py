"""The worker's side of the sandbox, with children that behave, misbehave and die."""

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import uvloop
from structlog.testing import capture_logs

from safelight.domain.errors import ImageRejected, ObjectChanged, Reason, RenderingFailed
from safelight.domain.formats import InputFormat, OutputFormat
from safelight.domain.image import Look
from safelight.domain.variant import fit
from safelight.ports.renderer import Inspected, Part, Recipe, Rendered
from safelight.testing import evil
from safelight.worker import child
from safelight.worker.child import Ending
from safelight.worker.renderer import SandboxRenderer
from safelight.worker.samples import SAMPLES

Make = Callable[..., SandboxRenderer]
SourceOf = Callable[[bytes], AsyncIterator[bytes]]
Render = Callable[..., Awaitable[list[Part]]]

LIES = ("babble", "boast", "change_type", "skip", "stop_short", "enlarge", "smuggle", "keep_hold")


@pytest.fixture
def render(source_of: SourceOf, recipe: Recipe) -> Render:
    async def all_parts(renderer: SandboxRenderer, content: bytes, recipe: Recipe = recipe) -> list[Part]:
        return [part async for part in renderer.render(source_of(content), recipe)]

    return all_parts


async def test_an_image_becomes_a_header_a_look_and_its_renditions_small_ones_first(
    make_renderer: Make, render: Render
) -> None:
    recipe = Recipe(tuple(InputFormat), 1000, 1, {"large": fit(8, formats="png webp"), "small": fit(4, formats="jpeg")})
    png = SAMPLES[InputFormat.PNG]

    async with make_renderer() as renderer:
        inspected, look, *renditions = await render(renderer, png, recipe)

    assert inspected == Inspected(InputFormat.PNG, 8, 8, 1, len(png), hashlib.sha256(png).hexdigest())
    assert isinstance(look, Look)
    assert [(one.variant, one.format, one.width, one.height) for one in renditions] == [
        ("small", OutputFormat.JPEG, 4, 4),
        ("large", OutputFormat.PNG, 8, 8),
        ("large", OutputFormat.WEBP, 8, 8),
    ]


async def test_more_images_than_slots_wait_for_each_other(make_renderer: Make, render: Render) -> None:
    async with make_renderer(slots=2) as renderer:
        everything = await asyncio.gather(*(render(renderer, SAMPLES[InputFormat.PNG]) for _ in range(5)))

        assert [len(parts) for parts in everything] == [3] * 5


def test_it_runs_on_uvloop_as_well(make_renderer: Make, render: Render) -> None:
    async def one_image() -> list[Part]:
        async with make_renderer() as renderer:
            return await render(renderer, SAMPLES[InputFormat.PNG])

    assert len(uvloop.run(one_image())) == 3


async def test_an_empty_source_is_rejected_without_a_child(make_renderer: Make, render: Render) -> None:
    endings: list[Ending] = []

    async with make_renderer(on_end=endings.append) as renderer:
        with pytest.raises(ImageRejected) as rejected:
            await render(renderer, b"")

    assert rejected.value.reason is Reason.EMPTY
    assert endings == []


async def test_what_the_source_raises_comes_through(make_renderer: Make, recipe: Recipe) -> None:
    async def changed() -> AsyncIterator[bytes]:
        yield b"some bytes"
        raise ObjectChanged("incoming/one")

    async with make_renderer() as renderer:
        with pytest.raises(ObjectChanged):
            await anext(renderer.render(changed(), recipe))


async def test_a_child_that_behaves_is_believed(make_evil_renderer: Make, render: Render) -> None:
    async with make_evil_renderer() as renderer:
        parts = await render(renderer, b"behave")

    assert [type(part) for part in parts] == [Inspected, Look, Rendered]


@pytest.mark.parametrize("deed", LIES)
async def test_a_child_that_lies_makes_the_image_unprocessable_at_once(
    make_evil_renderer: Make, render: Render, deed: str
) -> None:
    endings: list[Ending] = []

    async with make_evil_renderer(on_end=endings.append) as renderer:
        with pytest.raises(ImageRejected) as rejected, capture_logs() as logs:
            await render(renderer, deed.encode())
        await renderer.drain()

    assert rejected.value.reason is Reason.UNPROCESSABLE
    assert [line["event"] for line in logs] == ["sandbox_violation"]
    assert len(endings) == 1


async def test_a_child_finds_no_file_no_socket_no_secret_and_its_image_unchangeable(
    make_evil_renderer: Make, render: Render, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(evil.FOREIGN_VARIABLE, "secret")

    async with make_evil_renderer() as renderer:
        parts = await render(renderer, b"explore")

    assert len(parts) == 3


@pytest.mark.parametrize("deed", ["crash", "leave", "swell", "flood", "spin", "hog"])
async def test_a_child_that_dies_of_its_image_makes_it_unprocessable(
    make_evil_renderer: Make, render: Render, deed: str
) -> None:
    async with make_evil_renderer(render_cpu=timedelta(seconds=1)) as renderer:
        with pytest.raises(ImageRejected) as rejected, capture_logs():
            await render(renderer, deed.encode())
        after = await render(renderer, b"behave")

    assert rejected.value.reason is Reason.UNPROCESSABLE
    assert len(after) == 3


@pytest.mark.parametrize(("deed", "tries"), [("crash", 2), ("leave", 1), ("spin", 1), ("hog", 1)])
async def test_only_a_death_that_may_be_chance_is_tried_again(
    make_evil_renderer: Make, render: Render, deed: str, tries: int
) -> None:
    endings: list[Ending] = []

    async with make_evil_renderer(render_cpu=timedelta(seconds=1), on_end=endings.append) as renderer:
        with pytest.raises(ImageRejected), capture_logs():
            await render(renderer, deed.encode())
        await renderer.drain()

    assert len(endings) == tries


async def test_a_second_try_tells_nothing_twice(make_evil_renderer: Make, render: Render) -> None:
    async with make_evil_renderer() as renderer:
        with capture_logs() as logs:
            parts = await render(renderer, b"crash_once")

    assert [type(part) for part in parts] == [Inspected, Look, Rendered]
    assert [(line["event"], line["cause"]) for line in logs] == [("render_child_died", "crashed")]


async def test_a_second_try_that_contradicts_the_first_is_a_lie(make_evil_renderer: Make, render: Render) -> None:
    async with make_evil_renderer() as renderer:
        with pytest.raises(ImageRejected), capture_logs() as logs:
            await render(renderer, b"change_story")

    assert [line["event"] for line in logs] == ["render_child_died", "sandbox_violation"]


async def test_a_child_that_takes_too_long_is_killed_twice_and_no_more(
    make_evil_renderer: Make, render: Render, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "BUSY_SHARE", 0)
    endings: list[Ending] = []

    async with make_evil_renderer(render_timeout=timedelta(seconds=0.3), on_end=endings.append) as renderer:
        with pytest.raises(ImageRejected) as rejected, capture_logs():
            await render(renderer, b"sleep")

    assert rejected.value.reason is Reason.UNPROCESSABLE
    assert [ending.cause for ending in endings] == ["timed_out", "timed_out"]


async def test_a_child_that_had_no_cpu_in_its_time_is_our_fault(make_evil_renderer: Make, render: Render) -> None:
    endings: list[Ending] = []

    async with make_evil_renderer(render_timeout=timedelta(seconds=0.3), on_end=endings.append) as renderer:
        with pytest.raises(RenderingFailed, match="starved"), capture_logs():
            await render(renderer, b"sleep")

    assert [ending.cause for ending in endings] == ["starved"]


async def test_a_child_that_somebody_else_kills_is_our_fault(
    make_evil_renderer: Make, render: Render, source_of: SourceOf, recipe: Recipe
) -> None:
    """So the kernel does where memory ends."""
    endings: list[Ending] = []

    async with make_evil_renderer(on_end=endings.append) as renderer:
        async with aclosing(renderer.render(source_of(b"sleep"), recipe)) as parts:
            await anext(parts)
            os.kill(*_children_of(*renderer.zygotes), signal.SIGKILL)
            with pytest.raises(RenderingFailed, match="killed"), capture_logs() as logs:
                await anext(parts)
        after = await render(renderer, b"behave")

    assert [ending.cause for ending in endings].count("killed") == 1
    assert [(line["event"], line["cause"], line["code"]) for line in logs] == [("render_child_died", "killed", -9)]
    assert len(after) == 3


async def test_renditions_that_take_too_much_together_end_their_child(
    make_evil_renderer: Make, render: Render, recipe: Recipe
) -> None:
    many = replace(recipe, variants={"all": fit(widths=[1, 2, 3, 4, 5, 6, 7, 8], formats="png")})
    endings: list[Ending] = []

    async with make_evil_renderer(on_end=endings.append) as renderer:
        with pytest.raises(ImageRejected) as rejected, capture_logs():
            await render(renderer, b"hoard", many)

    assert rejected.value.reason is Reason.UNPROCESSABLE
    assert [ending.cause for ending in endings] == ["wrote_too_much"]


async def test_what_a_child_leaves_behind_is_ended_before_the_next(make_evil_renderer: Make, render: Render) -> None:
    async with make_evil_renderer() as renderer:
        (zygote,) = renderer.zygotes
        await render(renderer, b"linger")
        await renderer.drain()

        assert _session_of(zygote) == [zygote]
        assert renderer.zygotes == [zygote]


async def test_leaving_the_renderer_ends_what_a_child_started(
    make_evil_renderer: Make, source_of: SourceOf, recipe: Recipe
) -> None:
    async with make_evil_renderer() as renderer:
        (zygote,) = renderer.zygotes
        parts = renderer.render(source_of(b"linger_and_wait"), recipe)
        await anext(parts)
        before = _session_of(zygote)

    with pytest.raises(RenderingFailed):
        await anext(parts)
    assert len(before) == 3
    assert _session_of(zygote) == []


async def test_what_was_told_before_a_death_was_told_in_time(
    make_evil_renderer: Make, source_of: SourceOf, recipe: Recipe
) -> None:
    """A part comes while its child still works: small variants show before the large ones are made."""
    async with make_evil_renderer() as renderer, aclosing(renderer.render(source_of(b"sleep"), recipe)) as parts:
        assert isinstance(await anext(parts), Inspected)


async def test_whoever_stops_listening_ends_the_child_and_frees_the_slot(
    make_evil_renderer: Make, render: Render, source_of: SourceOf, recipe: Recipe
) -> None:
    endings: list[Ending] = []

    async with make_evil_renderer(on_end=endings.append) as renderer:
        async with aclosing(renderer.render(source_of(b"sleep"), recipe)) as parts:
            await anext(parts)
        after = await render(renderer, b"behave")

    assert endings[0].cause == "unwanted"
    assert len(after) == 3


async def test_cancelling_ends_the_child_and_frees_the_slot(
    make_evil_renderer: Make, render: Render, source_of: SourceOf, recipe: Recipe
) -> None:
    begun = asyncio.Event()

    async def listen(renderer: SandboxRenderer) -> None:
        async with aclosing(renderer.render(source_of(b"sleep"), recipe)) as parts:
            async for _ in parts:
                begun.set()

    async with make_evil_renderer() as renderer:
        listening = asyncio.create_task(listen(renderer))
        await begun.wait()
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
        after = await render(renderer, b"behave")

    assert len(after) == 3


async def test_an_image_that_is_given_up_while_it_waits_for_a_slot_takes_none(
    make_evil_renderer: Make, render: Render, source_of: SourceOf, recipe: Recipe
) -> None:
    endings: list[Ending] = []

    async with make_evil_renderer(on_end=endings.append) as renderer:
        async with aclosing(renderer.render(source_of(b"sleep"), recipe)) as first:
            await anext(first)
            waiting = asyncio.create_task(render(renderer, b"crash"))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
        await render(renderer, b"behave")
        await renderer.drain()

    assert [ending.cause for ending in endings if ending.cause == "crashed"] == []


async def test_a_zygote_that_dies_is_our_fault_and_is_replaced(
    make_evil_renderer: Make, render: Render, source_of: SourceOf, recipe: Recipe
) -> None:
    async with make_evil_renderer() as renderer:
        (zygote,) = renderer.zygotes
        async with aclosing(renderer.render(source_of(b"sleep"), recipe)) as parts:
            await anext(parts)
            its_child = os.pidfd_open(*_children_of(zygote))
            os.kill(zygote, signal.SIGKILL)
            with pytest.raises(RenderingFailed):
                await anext(parts)
        after = await render(renderer, b"behave")

        assert len(after) == 3
        assert renderer.zygotes != [zygote]
        await _end_of(its_child)


async def test_a_zygote_that_died_while_idle_is_replaced_and_the_log_is_told(
    make_renderer: Make, render: Render
) -> None:
    with capture_logs() as logs:
        async with make_renderer() as renderer:
            (zygote,) = renderer.zygotes
            _end(zygote)

            assert len(await render(renderer, SAMPLES[InputFormat.PNG])) == 3

    assert [(line["event"], line["log_level"]) for line in logs] == [("zygote_replaced", "warning")]


async def test_a_zygote_that_does_not_start_is_our_fault(make_renderer: Make) -> None:
    with pytest.raises(RenderingFailed):
        async with make_renderer(zygote=["/bin/false"]):
            pass


async def test_leaving_the_renderer_ends_what_it_renders(
    make_evil_renderer: Make, source_of: SourceOf, recipe: Recipe
) -> None:
    async with make_evil_renderer() as renderer:
        parts = renderer.render(source_of(b"sleep"), recipe)
        await anext(parts)
        (zygote,) = renderer.zygotes
        its_child = os.pidfd_open(*_children_of(zygote))

    with pytest.raises(RenderingFailed):
        await anext(parts)
    assert zygote not in _children_of(os.getpid())
    await _end_of(its_child)


async def test_nothing_leaks_whatever_happens(make_evil_renderer: Make, source_of: SourceOf, recipe: Recipe) -> None:
    """No file stays open and no dead process stays about: counted after each kind of end came twice."""

    async def every_end(renderer: SandboxRenderer) -> None:
        for deed in (b"behave", b"crash", b"smuggle", b"leave", b"sleep"):
            async with aclosing(renderer.render(source_of(deed), recipe)) as parts:
                try:
                    async for _ in parts:
                        if deed == b"sleep":
                            break
                except ImageRejected:
                    continue
        await renderer.drain()

    with capture_logs():
        async with make_evil_renderer() as renderer:
            await every_end(renderer)
            files, children = _open_files(), _children_of(os.getpid())
            await every_end(renderer)

            assert _open_files() == files
            assert _children_of(os.getpid()) == children
            assert [_children_of(zygote) for zygote in renderer.zygotes] == [[]]


async def test_a_recipe_without_variants_gives_header_and_look(
    make_renderer: Make, render: Render, recipe: Recipe
) -> None:
    async with make_renderer() as renderer:
        parts = await render(renderer, SAMPLES[InputFormat.PNG], replace(recipe, variants={}))

    assert [type(part) for part in parts] == [Inspected, Look]


async def _end_of(pidfd: int) -> None:
    """Wait until a process has ended."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(pidfd, ended.set)
    async with asyncio.timeout(10):
        await ended.wait()
    loop.remove_reader(pidfd)
    os.close(pidfd)


def _end(zygote: int) -> None:
    os.kill(zygote, signal.SIGKILL)
    os.waitid(os.P_PID, zygote, os.WEXITED | os.WNOWAIT)


def _children_of(pid: int) -> list[int]:
    return sorted(
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    )


def _session_of(leader: int) -> list[int]:
    """Return the living processes of a session: whatever a zygote or its child started, and they themselves."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _parent, _group, session = stat.read_text().rpartition(")")[2].split()[:4]
            if state != "Z" and int(session) == leader:
                found.append(int(stat.parent.name))
    return found


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
