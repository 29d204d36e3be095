"""The page on scaling names metrics and settings that exist."""

import re
from pathlib import Path

from safelight.adapters.metrics import PrometheusMetrics
from safelight.settings.names import names

PAGE = (Path(__file__).parents[2] / "docs/scaling.md").read_text()


def test_its_metrics_are_those_of_the_server() -> None:
    exposition = PrometheusMetrics().exposition().decode()

    named = set(re.findall(r"safelight_(?!pgqueuer)\w+(?=\{)", PAGE))
    assert named
    assert {name for name in named if f"# HELP {name} " not in exposition} == set()


def test_its_settings_are_those_of_the_server() -> None:
    named = set(re.findall(r"SAFELIGHT_\w+", PAGE))

    assert named
    assert named <= {*names().values()}
