"""What the process counts, as Prometheus reads it; no label says whom or what a clip is of."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    Metric,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

#: The release; the same as in pyproject.toml.
VERSION: Final = "0.1.0"
#: What `Metrics.render` returns; every Prometheus reads this version of the text format.
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_STEP_BUCKETS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0)
#: Three seconds are what Discord gives.
_ACK_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0)
_LAG_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
#: What Discord says a 429 is for (documentation, 2026-08).
_SCOPES = ("user", "global", "shared")
#: Stands for whatever has no label of its own.
_OTHER = "other"
_CIRCUIT_STATES = ("ok", "throttled", "out")
_USD_MICROS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TableGauges:
    """What the tables say at one instant."""

    #: Jobs that are not final, by state; every such state is there.
    open_jobs: Mapping[str, int]
    #: Jobs that became final in the last 24 hours, by state; every final state is there.
    ended_24h: Mapping[str, int]
    #: For how long the QUEUED job that is due for longest has been due; 0 when none is.
    queue_age_s: float
    #: What jobs hold that have not been settled.
    reserved_usd_micros: int
    #: What jobs that became final in the last 24 hours cost.
    spent_24h_usd_micros: int
    #: Mirrors, removals and notices that are still to be done.
    outbox_messages: int
    #: The video APIs that the operator drained for all servers.
    drained: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """What is looked at for a scrape, beside what was counted."""

    #: None when the database does not answer.
    tables: TableGauges | None
    #: What is left for the bot where its data is; None when that can't be told.
    disk_free_bytes: int | None
    #: The database with its write-ahead log; None when that can't be told.
    database_bytes: int | None
    #: Each video API's condition: `ok`, `throttled` or `out`.
    circuit_states: Mapping[str, str]
    #: Whether Discord's events arrive.
    is_connected: bool


class Metrics:
    """The counters of one process. Every method may be called from any thread.

    providers  the names that the label `provider` may have; any other is counted as `other`.
    How many series there are does not depend on members, servers or jobs.
    """

    def __init__(self, providers: Iterable[str]) -> None:
        # The time a series began: as many lines again, and nobody asks.
        disable_created_metrics()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._providers = frozenset(providers)
        self._step_s = self._histogram(
            "sora_step_seconds", "How long a step took.", _STEP_BUCKETS_S, "kind"
        )
        self._steps = self._counter("sora_steps", "Steps by how they ended.", "kind", "outcome")
        self._ack_s = self._histogram(
            "sora_ack_seconds",
            "From an interaction to its first answer.",
            _ACK_BUCKETS_S,
            "outcome",
        )
        self._calls = self._counter(
            "sora_provider_requests",
            "Requests to a video API by what came of them.",
            *("provider", "call", "outcome"),
        )
        self._limited = self._counter(
            "sora_discord_429", "Answers of Discord that ask for a pause.", "scope"
        )
        self._lag_s = self._histogram(
            "sora_loop_lag_seconds", "How late the loop was.", _LAG_BUCKETS_S
        )
        for scope in (*_SCOPES, _OTHER):
            self._limited.labels(scope)

    def observe_step(self, kind: str, outcome: str, took_s: float) -> None:
        """Count a step of the engine; both words are of a few."""
        self._steps.labels(kind, outcome).inc()
        self._step_s.labels(kind).observe(took_s)

    def observe_ack(self, outcome: str, took_s: float) -> None:
        """Count the first answer to an interaction; `outcome` is one of a few words."""
        self._ack_s.labels(outcome).observe(took_s)

    def count_provider_request(self, provider: str, call: str, outcome: str) -> None:
        """Count what came of a request to a video API; both last words are of a few."""
        name = provider if provider in self._providers else _OTHER
        self._calls.labels(name, call, outcome).inc()

    def count_rate_limit(self, scope: str) -> None:
        """Count a 429 of Discord."""
        self._limited.labels(scope if scope in _SCOPES else _OTHER).inc()

    def observe_loop_lag(self, late_s: float) -> None:
        """Note how late the event loop came round."""
        self._lag_s.observe(late_s)

    def generate_page(self, gauges: Gauges) -> bytes:
        """Return the page; some milliseconds of work."""
        return generate_latest(_GaugeCollector(self._registry, gauges))

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, registry=self._registry)

    def _histogram(
        self, name: str, what: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(name, what, labels, buckets=buckets, registry=self._registry)


class _GaugeCollector(Collector):
    """What was counted, and what was looked at."""

    def __init__(self, counters: CollectorRegistry, gauges: Gauges) -> None:
        self._counters = counters
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        figures = self._gauges
        yield from self._counters.collect()
        release = {"version": VERSION, "python": platform.python_version()}
        yield _labelled_gauge(
            "sora_build_info", "This release.", tuple(release), {(*release.values(),): 1}
        )
        yield _gauge("sora_discord_connected", "Whether events arrive.", figures.is_connected)
        yield _labelled_gauge(
            "sora_provider_condition",
            "1 for the condition that a video API is in.",
            ("provider", "condition"),
            {
                (name, each): int(each == now)
                for name, now in figures.circuit_states.items()
                for each in _CIRCUIT_STATES
            },
        )
        if figures.disk_free_bytes is not None:
            yield _gauge("sora_disk_free_bytes", "Left for data.", figures.disk_free_bytes)
        if figures.database_bytes is not None:
            yield _gauge("sora_database_bytes", "The database file.", figures.database_bytes)
        yield _gauge("sora_database_up", "Whether it answers.", figures.tables is not None)
        if figures.tables is not None:
            yield from _table_metrics(figures.tables)
            yield _labelled_gauge(
                "sora_provider_drained",
                "Whether the operator lets a video API have no orders.",
                ("provider",),
                {(name,): int(name in figures.tables.drained) for name in figures.circuit_states},
            )


def _table_metrics(tables: TableGauges) -> Iterator[Metric]:
    yield _gauge_by_state("sora_jobs", "Jobs that are not final.", tables.open_jobs)
    yield _gauge_by_state("sora_jobs_ended_24h", "Jobs that ended in 24 hours.", tables.ended_24h)
    yield _gauge("sora_queue_age_seconds", "The longest wait of a due job.", tables.queue_age_s)
    reserved_usd = tables.reserved_usd_micros / _USD_MICROS
    yield _gauge("sora_usd_reserved", "US dollars held by open jobs.", reserved_usd)
    spent_usd = tables.spent_24h_usd_micros / _USD_MICROS
    yield _gauge("sora_usd_spent_24h", "US dollars of jobs that ended in 24 hours.", spent_usd)
    yield _gauge(
        "sora_errands_waiting", "Mirrors, removals, notices to be done.", tables.outbox_messages
    )


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=value)


def _gauge_by_state(name: str, what: str, counts: Mapping[str, int]) -> Metric:
    return _labelled_gauge(name, what, ("state",), {(state,): n for state, n in counts.items()})


def _labelled_gauge(
    name: str, what: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
) -> Metric:
    family = GaugeMetricFamily(name, what, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
