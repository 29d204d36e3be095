"""Metrics for Prometheus."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from safelight.domain.errors import ImageRejected, SafelightError

STEP_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
"""From a database's answer to the longest processing."""


@dataclass
class StepRun:
    """One run of a step, and how it went."""

    outcome: str = "ok"


class PrometheusMetrics:
    """Implements Metrics on a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._steps = Counter(
            "safelight_steps", "Runs of each step, by outcome", ["step", "outcome"], registry=self._registry
        )
        self._durations = Histogram(
            "safelight_step_seconds",
            "How long each step took",
            ["step"],
            buckets=STEP_BUCKETS_S,
            registry=self._registry,
        )
        self._latency = Histogram(
            "safelight_latency_seconds",
            "How long storage, database, sandbox and scanner took",
            ["part"],
            buckets=STEP_BUCKETS_S,
            registry=self._registry,
        )
        self._moved = Counter(
            "safelight_bytes", "Bytes from (in) and to (out) clients", ["direction"], registry=self._registry
        )
        self._refused = Counter(
            "safelight_refused", "Calls that were one too many, by rate limit", ["policy"], registry=self._registry
        )
        self._audit_dropped = Counter(
            "safelight_audit_dropped", "Views and refusals that the audit log has lost", registry=self._registry
        )
        self._listener_lost = Counter(
            "safelight_listener_lost",
            "Times that the connection to Postgres that listens was lost",
            registry=self._registry,
        )
        self._signals_lost = Counter(
            "safelight_signals_lost", "Changes that waiters on other hosts were not told of", registry=self._registry
        )
        self._levels = Gauge(
            "safelight_level",
            "queue_depth, queue_age_seconds, slots_busy, slots, kinds_older, loop_lag_seconds, sandbox_peak_bytes, "
            "images by state (of which 10,000 are counted at the most)",
            ["what"],
            registry=self._registry,
        )

    @contextmanager
    def step(self, step: str) -> Iterator[StepRun]:
        """Note duration and outcome of the block."""
        begun = time.perf_counter()
        run = StepRun()
        try:
            yield run
        except ImageRejected as rejected:
            run.outcome = rejected.reason
            raise
        except SafelightError as error:
            run.outcome = error.code
            raise
        except BaseException:
            run.outcome = "broken"
            raise
        finally:
            self._steps.labels(step, run.outcome).inc()
            self._durations.labels(step).observe(time.perf_counter() - begun)

    def latency(self, part: str, seconds: float) -> None:
        """Note how long a part took."""
        self._latency.labels(part).observe(seconds)

    def moved(self, direction: str, count: int) -> None:
        """Note bytes."""
        self._moved.labels(direction).inc(count)

    def refused(self, policy: str) -> None:
        """Note a refusal."""
        self._refused.labels(policy).inc()

    def level(self, what: str, value: float) -> None:
        """Note how high something stands."""
        self._levels.labels(what).set(value)

    def audit_dropped(self, count: int) -> None:
        """Note events that the audit log has lost."""
        self._audit_dropped.inc(count)

    def listener_lost(self) -> None:
        """Note that Postgres can tell this process nothing for a while."""
        self._listener_lost.inc()

    def signals_lost(self, count: int) -> None:
        """Note changes that were told to nobody."""
        self._signals_lost.inc(count)

    def exposition(self) -> bytes:
        """Return everything in the Prometheus text format."""
        return generate_latest(self._registry)
