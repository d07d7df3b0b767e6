"""The metrics page: its values, and that its number of series doesn't grow with jobs."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.obs.metrics import VERSION, Gauges, Metrics, TableGauges

TABLES = TableGauges(
    open_jobs={"queued": 3, "rendering": 0},
    ended_24h={"done": 7},
    queue_age_s=12.5,
    reserved_usd_micros=2_400_000,
    spent_24h_usd_micros=1_250_001,
    outbox_messages=4,
)
FIGURES = Gauges(
    tables=TABLES,
    disk_free_bytes=5_000,
    database_bytes=300,
    circuit_states={"openai": "throttled"},
    is_connected=True,
)
NO_FIGURES = Gauges(
    tables=None, disk_free_bytes=None, database_bytes=None, circuit_states={}, is_connected=False
)


def samples(page: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def value(page: bytes, name: str, labels: Mapping[str, str] | None = None) -> float | None:
    return samples(page).get((name, frozenset((labels or {}).items())))


def test_figures_stand_on_the_page_in_their_units():
    page = Metrics(["openai"]).generate_page(FIGURES)
    assert value(page, "sora_jobs", {"state": "queued"}) == 3
    assert value(page, "sora_jobs", {"state": "rendering"}) == 0
    assert value(page, "sora_jobs_ended_24h", {"state": "done"}) == 7
    assert value(page, "sora_queue_age_seconds") == 12.5
    assert value(page, "sora_usd_reserved") == 2.4
    assert value(page, "sora_usd_spent_24h") == 1.250001
    assert value(page, "sora_errands_waiting") == 4
    assert value(page, "sora_disk_free_bytes") == 5_000
    assert value(page, "sora_database_bytes") == 300
    assert value(page, "sora_database_up") == 1
    assert value(page, "sora_discord_connected") == 1


def test_a_video_api_is_in_one_condition_at_a_time():
    page = Metrics(["openai"]).generate_page(FIGURES)
    for circuit, expected in {"ok": 0, "throttled": 1, "out": 0}.items():
        labels = {"provider": "openai", "condition": circuit}
        assert value(page, "sora_provider_condition", labels) == expected


def test_a_drained_video_api_is_told_apart_and_one_that_is_not_configured_is_no_series():
    figures = replace(
        FIGURES,
        tables=replace(TABLES, drained=frozenset({"fal", "gone"})),
        circuit_states={"openai": "ok", "fal": "ok"},
    )
    page = Metrics(["openai", "fal"]).generate_page(figures)
    assert value(page, "sora_provider_drained", {"provider": "fal"}) == 1
    assert value(page, "sora_provider_drained", {"provider": "openai"}) == 0
    assert value(page, "sora_provider_drained", {"provider": "gone"}) is None


def test_what_cannot_be_read_is_left_out_and_the_rest_is_there():
    metrics = Metrics([])
    metrics.observe_step("submit", "ok", 1.0)
    page = metrics.generate_page(NO_FIGURES)
    assert value(page, "sora_database_up") == 0
    assert value(page, "sora_steps_total", {"kind": "submit", "outcome": "ok"}) == 1
    for name in ("sora_usd_spent_24h", "sora_queue_age_seconds", "sora_disk_free_bytes"):
        assert value(page, name) is None


def test_what_happens_is_counted():
    metrics = Metrics(["openai"])
    for took_s in (0.2, 2.0):
        metrics.observe_step("deliver", "ok", took_s)
    metrics.observe_step("deliver", "storage", 0.1)
    metrics.observe_ack("taken", 0.3)
    metrics.count_provider_request("openai", "submit", "ok")
    metrics.count_rate_limit("shared")
    metrics.observe_loop_lag(0.3)
    page = metrics.generate_page(NO_FIGURES)
    assert value(page, "sora_steps_total", {"kind": "deliver", "outcome": "ok"}) == 2
    assert value(page, "sora_steps_total", {"kind": "deliver", "outcome": "storage"}) == 1
    assert value(page, "sora_step_seconds_bucket", {"kind": "deliver", "le": "0.25"}) == 2
    assert value(page, "sora_step_seconds_count", {"kind": "deliver"}) == 3
    assert value(page, "sora_ack_seconds_sum", {"outcome": "taken"}) == 0.3
    requests = {"provider": "openai", "call": "submit", "outcome": "ok"}
    assert value(page, "sora_provider_requests_total", requests) == 1
    assert value(page, "sora_discord_429_total", {"scope": "shared"}) == 1
    assert value(page, "sora_discord_429_total", {"scope": "global"}) == 0
    assert value(page, "sora_loop_lag_seconds_bucket", {"le": "0.25"}) == 0
    assert value(page, "sora_loop_lag_seconds_count") == 1


@pytest.mark.parametrize("odd", ["", "x" * 500, 'a"} 1\nsora_forged{a="', "1234567890123456789"])
def test_a_word_from_outside_makes_no_series_of_its_own(odd: str):
    metrics = Metrics(["openai"])
    metrics.count_rate_limit(odd)
    metrics.count_provider_request(odd, "poll", "ok")
    page = metrics.generate_page(NO_FIGURES)
    assert value(page, "sora_discord_429_total", {"scope": "other"}) == 1
    requests = {"provider": "other", "call": "poll", "outcome": "ok"}
    assert value(page, "sora_provider_requests_total", requests) == 1
    assert "forged" not in page.decode()


def test_two_processes_parts_count_for_themselves():
    first, second = Metrics([]), Metrics([])
    first.count_rate_limit("user")
    assert value(second.generate_page(NO_FIGURES), "sora_discord_429_total", {"scope": "user"}) == 0


def test_a_thousand_steps_of_any_length_add_no_series():
    metrics = Metrics(["openai", "fal"])

    def some_steps(number: int) -> None:
        drawn = random.Random(number)
        for _ in range(number):
            metrics.observe_step(drawn.choice(["submit", "poll"]), "ok", drawn.expovariate(0.1))
            metrics.observe_ack("taken", drawn.expovariate(1))
            metrics.count_provider_request(drawn.choice(["openai", "fal"]), "poll", "ok")
            metrics.observe_loop_lag(drawn.random())

    some_steps(50)
    before = set(samples(metrics.generate_page(FIGURES)))
    some_steps(1_000)
    assert set(samples(metrics.generate_page(FIGURES))) == before


def test_the_page_names_the_release_of_the_project_file():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["version"] == VERSION
    assert f'version="{VERSION}"' in Metrics([]).generate_page(NO_FIGURES).decode()


def test_the_process_itself_is_on_the_page():
    assert value(Metrics([]).generate_page(NO_FIGURES), "process_resident_memory_bytes")
