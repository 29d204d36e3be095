"""Every kind of job has its lane."""

from safelight.adapters.queue.lanes import PLACES
from safelight.domain.jobs import Job


def test_every_kind_of_job_has_its_place() -> None:
    assert set(PLACES) == set(Job.__args__)
