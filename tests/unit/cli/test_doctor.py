"""`safelight doctor`."""

import os
import subprocess
import sys


def test_whoever_stops_reading_ends_it_quietly(postgres_url: str) -> None:
    command = [sys.executable, "-m", "safelight", "doctor"]
    variables = os.environ | {"SAFELIGHT_DATABASE_URL": postgres_url}

    with subprocess.Popen(  # noqa: S603 - our own program
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as doctor:
        assert doctor.stdout is not None
        assert doctor.stderr is not None
        while not doctor.stdout.readline().startswith("✓ database"):
            assert doctor.poll() is None
        doctor.stdout.close()
        told = doctor.stderr.read()

    assert told == ""
