import pytest

from safelight_client import Progress, Step
from safelight_client.progress import Meter


@pytest.fixture
def heard() -> list[Progress]:
    return []


def test_the_whole_never_goes_back_although_sending_begins_again(heard: list[Progress]) -> None:
    meter = Meter(heard.append, total=100, waits=True)

    for sent in (50, 10, 60):
        meter.uploading(sent)

    assert [one.bytes_sent for one in heard] == [50, 10, 60]
    assert [one.fraction for one in heard] == pytest.approx([0.35, 0.35, 0.42])


def test_processing_counts_only_where_it_is_waited_for(heard: list[Progress]) -> None:
    Meter(heard.append, total=100, waits=True).confirmed()
    Meter(heard.append, total=100, waits=False).confirmed()

    assert [one.fraction for one in heard] == [0.7, 1.0]


def test_an_empty_file_is_sent_at_once(heard: list[Progress]) -> None:
    Meter(heard.append, total=0, waits=False).uploading(0)

    assert heard == [Progress(Step.UPLOADING, 0, 0, 1.0)]


def test_nobody_needs_to_listen() -> None:
    Meter(None, total=1, waits=True).ready()
