"""What may be believed of a child: a bound for every word. (Lies of whole children are in test_renderer.py.)"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.domain.formats import InputFormat
from safelight.domain.variant import fit
from safelight.ports.renderer import Recipe
from safelight.worker.answers import Answers, Lie, Source

RECIPE = Recipe((InputFormat.PNG,), max_pixels=100, max_frames=5, variants={"all": fit(8, formats="png")})

HEADER = b'{"type":"header","format":"png","width":8,"height":8,"frames":1}'


def answers() -> Answers:
    return Answers(RECIPE, Source(file=-1, bytes=10, sha256="0" * 64), max_rendition_bytes=100)


@given(st.binary(max_size=200))
def test_noise_is_a_lie(packet: bytes) -> None:
    with pytest.raises(Lie):
        answers().hear(packet)


@pytest.mark.parametrize(
    "packet",
    [
        HEADER.replace(b'"width":8', b'"width":0'),
        HEADER.replace(b'"width":8', b'"width":-8'),
        HEADER.replace(b'"width":8', b'"width":8.5'),
        HEADER.replace(b'"width":8', b'"width":"8"'),
        HEADER.replace(b'"width":8', b'"width":99999999999999999999'),
        HEADER.replace(b'"width":8', b'"width":13'),
        HEADER.replace(b'"frames":1', b'"frames":6'),
        HEADER.replace(b'"png"', b'"svg"'),
        HEADER.replace(b'"png"', b'"jpeg"'),
        HEADER.replace(b'"frames":1', b'"frames":1,"more":1'),
        b'{"type":"look","placeholder":"AAAAAAAA","color":"#000000"}',
        b'{"type":"finished","index":0,"bytes":1}',
        b'{"type":"refused","reason":"because"}',
        b'{"type":"done"}',
        b"{}",
        b"",
    ],
)
def test_a_first_word_that_is_no_possible_header_is_a_lie(packet: bytes) -> None:
    with pytest.raises(Lie):
        answers().hear(packet)


@pytest.mark.parametrize(
    "packet",
    [
        HEADER,
        b'{"type":"look","placeholder":"<script>","color":"#000000"}',
        b'{"type":"look","placeholder":"AAAAAAAA","color":"red"}',
        b'{"type":"look","placeholder":"AAAAAAAA","color":"#000000\\n"}',
        b'{"type":"look","placeholder":"' + b"A" * 1000 + b'","color":"#000000"}',
        b'{"type":"finished","index":0,"bytes":1}',
        b'{"type":"done"}',
    ],
)
def test_a_second_word_that_is_no_possible_look_is_a_lie(packet: bytes) -> None:
    hearing = answers()
    hearing.hear(HEADER)

    with pytest.raises(Lie):
        hearing.hear(packet)
