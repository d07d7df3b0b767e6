"""The process's metrics for Prometheus; no label identifies a member or a clip."""

import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
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

#: The version of this release, the same as in pyproject.toml.
VERSION: Final = "0.1.0"
#: The content type of the metrics page; every Prometheus reads this version of the text format.
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_STEP_BUCKETS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0)
#: Discord allows three seconds for the first response to an interaction.
_ACK_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0)
_LAG_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
#: The scopes of a 429 in Discord's documentation (2026-08).
_SCOPES = ("user", "global", "shared")
#: Label for values outside the fixed sets.
_OTHER = "other"
_CIRCUIT_STATES = ("ok", "throttled", "out")
_USD_MICROS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TableGauges:
    """Figures that are read from the database at one instant."""

    #: Jobs that are not final, by state; every such state has a value.
    open_jobs: Mapping[str, int]
    #: Jobs that became final in the last 24 hours, by state; every final state has a value.
    ended_24h: Mapping[str, int]
    #: For how many seconds the oldest due QUEUED job has been due; 0 when no job is due.
    queue_age_s: float
    #: The sum that unsettled jobs have reserved.
    reserved_usd_micros: int
    #: The cost of the jobs that became final in the last 24 hours.
    spent_24h_usd_micros: int
    #: Number of outbox messages that remain: gallery posts, removals and notices.
    outbox_messages: int
    #: Providers that the operator drained for all guilds.
    drained: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """Values of the gauges on one metrics page."""

    #: Figures from the database; None when the database does not answer.
    tables: TableGauges | None
    #: Bytes that the bot may still write to the disk of its data; None when unreadable.
    disk_free_bytes: int | None
    #: Size of the database with its write-ahead log; None when the size can't be read.
    database_bytes: int | None
    #: The condition of each provider: `ok`, `throttled` or `out`.
    circuit_states: Mapping[str, str]
    #: Whether the client is connected to Discord's gateway.
    is_connected: bool


class Metrics:
    """The counters and histograms of one process; thread-safe.

    providers  the values of the label `provider`; any other name is counted as `other`.
    The number of series doesn't depend on members, guilds or jobs.
    """

    def __init__(self, providers: Iterable[str]) -> None:
        # Creation times would double the page, and no dashboard reads them.
        disable_created_metrics()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._providers = frozenset(providers)
        counter = partial(Counter, registry=self._registry)
        histogram = partial(Histogram, registry=self._registry)
        text = "Duration of a step."
        self._step_s = histogram("sora_step_seconds", text, ("kind",), buckets=_STEP_BUCKETS_S)
        self._steps = counter("sora_steps", "Steps by outcome.", ("kind", "outcome"))
        text = "Time from an interaction to its first response."
        self._ack_s = histogram("sora_ack_seconds", text, ("outcome",), buckets=_ACK_BUCKETS_S)
        text, labels = "Requests to a provider by outcome.", ("provider", "call", "outcome")
        self._calls = counter("sora_provider_requests", text, labels)
        text = "Rate limit responses (429) of Discord."
        self._limited = counter("sora_discord_429", text, ("scope",))
        text = "Lag of the event loop."
        self._lag_s = histogram("sora_loop_lag_seconds", text, buckets=_LAG_BUCKETS_S)
        for scope in (*_SCOPES, _OTHER):
            self._limited.labels(scope)

    def observe_step(self, kind: str, outcome: str, took_s: float) -> None:
        """Count a step; `kind` and `outcome` come from small fixed sets."""
        self._steps.labels(kind, outcome).inc()
        self._step_s.labels(kind).observe(took_s)

    def observe_ack(self, outcome: str, took_s: float) -> None:
        """Count the first response to an interaction; `outcome` comes from a small fixed set."""
        self._ack_s.labels(outcome).observe(took_s)

    def count_provider_request(self, provider: str, call: str, outcome: str) -> None:
        """Count a request to a provider; `call` and `outcome` come from small fixed sets."""
        name = provider if provider in self._providers else _OTHER
        self._calls.labels(name, call, outcome).inc()

    def count_rate_limit(self, scope: str) -> None:
        """Count a 429 response of Discord."""
        self._limited.labels(scope if scope in _SCOPES else _OTHER).inc()

    def observe_loop_lag(self, late_s: float) -> None:
        """Record the event loop's lag in seconds."""
        self._lag_s.observe(late_s)

    def generate_page(self, gauges: Gauges) -> bytes:
        """Return the metrics page for Prometheus; takes some milliseconds."""
        return generate_latest(_GaugeCollector(self._registry, gauges))


@dataclass(frozen=True)
class _GaugeCollector(Collector):
    counters: CollectorRegistry
    gauges: Gauges

    def collect(self) -> Iterator[Metric]:
        yield from self.counters.collect()
        gauges, tables = self.gauges, self.gauges.tables
        release = {"version": VERSION, "python": platform.python_version()}
        yield _gauge("sora_build_info", "This release.", (*release,), {(*release.values(),): 1})
        is_up, database_bytes = tables is not None, gauges.database_bytes
        yield from _single_gauges(
            (
                "sora_discord_connected",
                "1 when connected to Discord's gateway.",
                gauges.is_connected,
            ),
            ("sora_disk_free_bytes", "Free bytes on the disk of the data.", gauges.disk_free_bytes),
            (
                "sora_database_bytes",
                "Size of the database with its write-ahead log.",
                database_bytes,
            ),
            ("sora_database_up", "1 when the database answers.", is_up),
        )
        text, states = "1 for the condition that a provider is in.", gauges.circuit_states
        conditions = {
            (name, each): int(each == now)
            for name, now in states.items()
            for each in _CIRCUIT_STATES
        }
        yield _gauge("sora_provider_condition", text, ("provider", "condition"), conditions)
        if tables is not None:
            yield from _table_gauges(tables)
            text = "1 when the operator drained the provider."
            drained = {(name,): int(name in tables.drained) for name in states}
            yield _gauge("sora_provider_drained", text, ("provider",), drained)


def _table_gauges(tables: TableGauges) -> Iterator[Metric]:
    yield _gauge_by_state("sora_jobs", "Jobs that are not final.", tables.open_jobs)
    yield _gauge_by_state("sora_jobs_ended_24h", "Jobs that ended in 24 hours.", tables.ended_24h)
    reserved_usd = tables.reserved_usd_micros / _USD_MICROS
    spent_usd = tables.spent_24h_usd_micros / _USD_MICROS
    yield from _single_gauges(
        ("sora_queue_age_seconds", "Age of the oldest due job.", tables.queue_age_s),
        ("sora_usd_reserved", "US dollars held by open jobs.", reserved_usd),
        ("sora_usd_spent_24h", "US dollars of jobs that ended in 24 hours.", spent_usd),
        ("sora_errands_waiting", "Outbox messages that remain.", tables.outbox_messages),
    )


def _single_gauges(*figures: tuple[str, str, float | None]) -> Iterator[Metric]:
    for name, text, value in figures:
        if value is not None:
            yield GaugeMetricFamily(name, text, value=value)


def _gauge_by_state(name: str, text: str, counts: Mapping[str, int]) -> Metric:
    return _gauge(name, text, ("state",), {(state,): count for state, count in counts.items()})


def _gauge(
    name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
