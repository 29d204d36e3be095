"""The messages: what is sent arrives the same, within its bounds."""

from safelight import Kind, cover, fit
from safelight.domain.errors import Reason
from safelight.domain.kind import MAX_RENDITIONS
from safelight.domain.variant import Variant
from safelight.ports.renderer import Recipe
from safelight.sandbox import protocol
from safelight.sandbox.protocol import Finished, Header, Job, Limits, Look, Refused

LIMITS = Limits(cpu_seconds=1, memory_bytes=2, rendition_bytes=3)


def largest_kind() -> Kind:
    """Return the kind with the longest declaration that there can be."""
    name = "a-very-long-name-for-a-variant-of-a-kind"
    quality = {"avif": 100, "webp": 100, "jpeg": 100}
    variants: dict[str, Variant] = {
        f"{name}-{number}": fit(16_000 + number, formats="webp", quality=quality) for number in range(MAX_RENDITIONS)
    }
    return Kind("largest", variants=variants)


def test_a_recipe_arrives_as_it_was_sent() -> None:
    kind = Kind("avatar", variants={"thumb": cover(96, 96, quality={"webp": 70}), "hero": fit(widths=[480, 960])})
    job = Job(Recipe.of(kind), 123, LIMITS)

    arrived = protocol.decode_job(protocol.encode(job))

    assert arrived.recipe.accept == kind.accept
    assert arrived.recipe.variants == kind.variants
    assert list(arrived.recipe.variants) == ["thumb", "hero"]
    assert (arrived.input_bytes, arrived.limits) == (123, LIMITS)


def test_a_variant_keeps_its_fingerprint_on_the_way() -> None:
    variant = fit(widths=[480, 960], formats="avif jpeg", quality={"avif": 50}, background="#112233")
    job = Job(Recipe((), 1, 1, {"hero": variant}), 1, LIMITS)

    arrived = protocol.decode_job(protocol.encode(job)).recipe.variants["hero"]

    assert arrived.fingerprint == variant.fingerprint


def test_the_largest_job_goes_into_a_packet() -> None:
    job = Job(Recipe.of(largest_kind()), 2**40, Limits(10**6, 2**50, 2**50))

    assert len(protocol.encode(job)) < protocol.MAX_PACKET_BYTES


def test_every_answer_goes_into_one_piece_of_a_pipe() -> None:
    longest = 2**31 - 1
    answers = (
        Header(next(iter(Kind("a", variants={"b": fit(1)}).accept)), longest, longest, longest),
        Look("A" * 40, "#000000"),
        Finished(MAX_RENDITIONS - 1, longest),
        *(Refused(reason) for reason in Reason),
    )

    for answer in answers:
        assert protocol.decode_answer(protocol.encode(answer)) == answer
        assert len(protocol.encode(answer)) < protocol.MAX_ANSWER_BYTES
