"""Folders are synced where their names may not be on the disk yet, and nowhere else."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from safelight.adapters.disk import files
from safelight.adapters.disk.layout import DurableFolders, Layout
from safelight.domain.keys import Key

IMAGE, NEIGHBOUR = "0190aaaabbbbccccddddeeeeffff0123", "0190aaaabbbbccccddddeeeefff50123"
THUMB, CARD = (Key(f"public/{IMAGE}/{name}-0123456789abcdef-96.webp") for name in ("thumb", "card"))
ITS_FOLDERS = ["0190aaaabbbbccccddddeeeeffff0123", "01", "23", "public"]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    layout.create()
    return layout


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the folders that were synced, in order."""
    names: list[str] = []
    sync: Callable[[int], None] = os.fsync

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.is_dir():
            names.append(path.name)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return names


def put(layout: Layout, key: Key) -> None:
    files.write_object(layout, key, b"bytes", now_ns=1)


def test_the_first_object_syncs_its_whole_way(layout: Layout, synced: list[str]):
    put(layout, THUMB)

    assert synced == ITS_FOLDERS


def test_the_next_object_of_an_image_syncs_its_folder_alone(layout: Layout, synced: list[str]):
    put(layout, THUMB)
    synced.clear()

    put(layout, CARD)

    assert synced == ITS_FOLDERS[:1]


def test_a_neighbour_syncs_up_to_what_is_known(layout: Layout, synced: list[str]):
    put(layout, THUMB)
    synced.clear()

    put(layout, Key(f"public/{NEIGHBOUR}/thumb-0123456789abcdef-96.webp"))

    assert synced == [NEIGHBOUR, "01"]


def test_a_deletion_syncs_one_folder(layout: Layout, synced: list[str]):
    put(layout, THUMB)
    synced.clear()

    files.delete_object(layout, THUMB)

    assert synced == ITS_FOLDERS[:1]


def test_folders_that_were_tidied_away_and_made_anew_are_synced_anew(layout: Layout, synced: list[str]):
    put(layout, THUMB)
    files.delete_object(layout, THUMB)
    synced.clear()

    put(layout, THUMB)

    assert synced == ITS_FOLDERS


def test_folders_that_another_process_made_anew_are_synced_anew(layout: Layout, synced: list[str]):
    put(layout, THUMB)
    folder = layout.path(THUMB).parent
    folder.rename(folder.with_name("kept"))  # so that its inode is not given out again
    synced.clear()

    put(layout, THUMB)

    assert synced == ITS_FOLDERS[:2]


def test_a_folder_removed_while_others_were_synced_makes_nothing_known(tmp_path: Path):
    known, empty = DurableFolders(), tmp_path / "empty"
    empty.mkdir()
    epoch = known.epoch

    known.remove(empty)
    known.add({tmp_path: 1}, epoch)

    assert not known.knows(tmp_path, 1)


def test_only_so_many_are_remembered(tmp_path: Path):
    known = DurableFolders(most=2)

    for number in range(3):
        known.add({tmp_path / str(number): number}, known.epoch)

    assert [known.knows(tmp_path / str(number), number) for number in range(3)] == [False, True, True]
