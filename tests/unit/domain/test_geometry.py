"""Which renditions there are, and how large."""

from hypothesis import given
from hypothesis import strategies as st

from safelight.domain.formats import OutputFormat
from safelight.domain.geometry import Size, most_renditions, plan, sizes
from safelight.domain.variant import MAX_EDGE_PX, cover, fit

edges = st.integers(1, 60_000)
sources = st.builds(Size, edges, edges)
boxes = st.integers(1, MAX_EDGE_PX)


def test_cover_fills_its_box() -> None:
    assert sizes(cover(200, 100), Size(4000, 3000)) == (Size(200, 100),)


def test_cover_shrinks_its_box_rather_than_enlarge() -> None:
    assert sizes(cover(200, 100), Size(50, 3000)) == (Size(50, 25),)


def test_fit_keeps_the_shape() -> None:
    assert sizes(fit(widths=[400, 800]), Size(4000, 3000)) == (Size(400, 300), Size(800, 600))


def test_fit_makes_a_width_that_the_image_has_not_only_once() -> None:
    assert sizes(fit(widths=[400, 800, 1600]), Size(600, 300)) == (Size(400, 200), Size(600, 300))


def test_fit_keeps_under_the_longest_edge_that_can_be_encoded() -> None:
    assert sizes(fit(1000), Size(1000, 2 * MAX_EDGE_PX)) == (Size(500, MAX_EDGE_PX),)


def test_small_renditions_come_first_and_formats_as_declared() -> None:
    variants = {"large": fit(800, formats="webp jpeg"), "small": cover(10, 10, formats="png")}

    planned = [(one.variant, one.format) for one in plan(variants, Size(1000, 1000))]

    assert planned == [
        ("small", OutputFormat.PNG),
        ("large", OutputFormat.WEBP),
        ("large", OutputFormat.JPEG),
    ]


@given(boxes, boxes, sources)
def test_cover_never_enlarges_and_always_gives_something(width: int, height: int, source: Size) -> None:
    (size,) = sizes(cover(width, height), source)

    assert 1 <= size.width <= min(width, source.width)
    assert 1 <= size.height <= min(height, source.height)


@given(st.lists(boxes, min_size=1, max_size=5), sources)
def test_fit_never_enlarges_and_can_always_be_encoded(widths: list[int], source: Size) -> None:
    every = sizes(fit(widths=widths), source)

    assert len(set(every)) == len(every)
    for size in every:
        assert 1 <= size.width <= min(max(widths), source.width, MAX_EDGE_PX)
        assert 1 <= size.height <= min(source.height, MAX_EDGE_PX)


@given(st.lists(boxes, min_size=1, max_size=5), boxes, sources)
def test_there_are_never_more_renditions_than_the_most(widths: list[int], box: int, source: Size) -> None:
    variants = {"fit": fit(widths=widths, formats="avif webp"), "cover": cover(box, box, formats="png")}

    assert len(list(plan(variants, source))) <= most_renditions(variants)
