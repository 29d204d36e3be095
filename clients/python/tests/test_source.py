import base64
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from safelight_client import UploadFailed
from safelight_client.source import CHUNK_BYTES, SPOOL_BYTES, Source, Uploadable, guess_type

CONTENT = bytes(range(256)) * 4096
Opened = Callable[[Uploadable], Source]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Yield what opens a source that is closed in the end."""
    sources: list[Source] = []

    def opening(what: Uploadable) -> Source:
        sources.append(Source(what))
        sources[-1].open()
        return sources[-1]

    yield opening
    for source in sources:
        source.close()


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview, io.BytesIO])
def test_bytes_come_out_as_they_went_in_however_often(make: type, opened: Opened) -> None:
    source = opened(make(CONTENT))

    assert source.size == len(CONTENT)
    assert b"".join(source.chunks()) == CONTENT
    assert b"".join(source.chunks()) == CONTENT


@pytest.mark.parametrize("form", [str, Path])
def test_a_path_is_read_in_chunks_and_closed(tmp_path: Path, form: type, opened: Opened) -> None:
    path = tmp_path / "cat.jpg"
    path.write_bytes(CONTENT)
    source = opened(form(path))

    sizes = [len(chunk) for chunk in source.chunks()]
    source.close()

    assert sizes == [CHUNK_BYTES] * 4
    assert source.filename == "cat.jpg"
    with pytest.raises(ValueError, match="closed"):
        next(source.chunks())


def test_a_file_is_sent_from_where_it_stands_and_stays_open(opened: Opened) -> None:
    file = io.BytesIO(CONTENT)
    file.seek(1000)
    source = opened(file)

    assert b"".join(source.chunks()) == CONTENT[1000:]
    source.close()

    assert not file.closed


@pytest.mark.parametrize("size", [0, 1, SPOOL_BYTES + 1])
def test_what_cannot_be_rewound_is_kept_aside_so_that_it_can_be_sent_twice(size: int, opened: Opened) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise io.UnsupportedOperation

        tell = seek

    source = opened(Pipe(bytes(size)))

    assert source.size == size
    assert [b"".join(source.chunks()), b"".join(source.chunks())] == [bytes(size)] * 2


def test_a_real_pipe_can_be_uploaded(opened: Opened) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as out:
        out.write(CONTENT[:1000])
    with os.fdopen(reading, "rb") as pipe:
        source = opened(pipe)

    assert b"".join(source.chunks()) == CONTENT[:1000]
    assert source.filename == "image"


def test_a_file_in_text_mode_is_refused_with_advice(tmp_path: Path, opened: Opened) -> None:
    path = tmp_path / "a.txt"
    path.write_text("abc")

    with path.open() as file, pytest.raises(TypeError, match="binary"):
        opened(file)  # type: ignore[arg-type] - the mistake that is tested


def test_a_file_that_shrinks_under_way_is_noticed(tmp_path: Path, opened: Opened) -> None:
    path = tmp_path / "cat.jpg"
    path.write_bytes(CONTENT)
    source = opened(path)
    os.truncate(path, CHUNK_BYTES)

    with pytest.raises(UploadFailed, match="shorter"):
        list(source.chunks())


def test_a_file_that_grows_is_sent_at_the_size_that_was_declared(tmp_path: Path, opened: Opened) -> None:
    path = tmp_path / "cat.jpg"
    path.write_bytes(CONTENT[:1000])
    source = opened(path)
    with path.open("ab") as more:
        more.write(b"more")

    assert b"".join(source.chunks()) == CONTENT[:1000]


def test_the_checksum_is_base64_of_the_digest(opened: Opened) -> None:
    checksum = opened(CONTENT).sha256()

    assert checksum.algorithm == "sha256"
    assert base64.b64decode(checksum.value) == hashlib.sha256(CONTENT).digest()


def test_a_name_is_found_where_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "cat.jpg"
    path.touch()

    with path.open("rb") as file:
        assert Source(file).filename == "cat.jpg"
    assert Source(b"").filename == "image"
    assert Source(io.BytesIO()).filename == "image"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.JPG", "image/jpeg"),
        ("a.png", "image/png"),
        ("a.HEIC", "image/heic"),
        ("a.avif", "image/avif"),
        ("a.webp", "image/webp"),
        ("image", "application/octet-stream"),
    ],
)
def test_the_type_is_guessed_by_the_name(name: str, expected: str) -> None:
    assert guess_type(name) == expected
