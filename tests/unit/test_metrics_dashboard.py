"""The Grafana dashboard's file: its panels have valid places and query metrics that exist."""

import itertools
import json
import re
from pathlib import Path

import pytest

from bot.errors import UnknownOutcomeError
from bot.obs.metrics import Metrics
from tests.unit.test_metrics import FIGURES, samples

DASHBOARD = json.loads(
    (Path(__file__).parents[2] / "docs" / "grafana-dashboard.json").read_text("utf-8")
)
PANELS = DASHBOARD["panels"]
GRAPHS = [panel for panel in PANELS if panel["type"] != "row"]


def test_it_can_be_imported_anywhere():
    assert DASHBOARD["id"] is None
    assert DASHBOARD["schemaVersion"] >= 41
    assert {each["type"] for each in DASHBOARD["templating"]["list"]} == {"datasource", "query"}


def test_no_two_panels_share_an_id_or_a_place():
    ids = [panel["id"] for panel in PANELS]
    assert len(set(ids)) == len(ids)
    for one, other in itertools.combinations([panel["gridPos"] for panel in PANELS], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)


@pytest.mark.parametrize("panel", GRAPHS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_and_asks_the_chosen_prometheus_for_the_chosen_bot(panel):
    assert len(panel["description"]) > 10
    assert panel["datasource"]["uid"] == "${datasource}"
    assert panel["fieldConfig"]["defaults"]["unit"]
    letters = [target["refId"] for target in panel["targets"]]
    assert letters
    assert len(set(letters)) == len(letters)
    for target in panel["targets"]:
        assert target["datasource"]["uid"] == "${datasource}"
        assert 'instance=~"$instance"' in target["expr"]
        assert target["expr"].count("(") == target["expr"].count(")")
        assert target["expr"].count("{") == target["expr"].count("}")


@pytest.fixture(scope="module")
def exported() -> dict[str, list[frozenset[tuple[str, str]]]]:
    """The labels of each sample on /metrics, by metric, after each kind of event has occurred."""
    metrics = Metrics(["openai"])
    metrics.observe_step("submit", "ok", 1.0)
    metrics.observe_ack("taken", 0.1)
    for outcome in ("ok", UnknownOutcomeError().code):
        metrics.count_provider_request("openai", "submit", outcome)
    metrics.count_rate_limit("user")
    metrics.observe_loop_lag(0.1)
    found: dict[str, list[frozenset[tuple[str, str]]]] = {}
    for name, labels in samples(metrics.generate_page(FIGURES)):
        # Prometheus adds the labels `instance` and `job` to each sample.
        found.setdefault(name, []).append(labels | {("instance", "a:1"), ("job", "sorabot")})
    return found


def asked(query: str) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Return each metric of a query with its label conditions as (name, operator, value)."""
    found = re.findall(r"\b((?:sora|process)_\w+)(?:\{([^}]*)\})?", query)
    return [(name, re.findall(r'(\w+)(=~|!=|!~|=)"([^"]*)"', inside)) for name, inside in found]


def grouped_by(query: str) -> set[str]:
    groups = re.findall(r"\bby \(([^)]*)\)", query)
    return {word.strip() for group in groups for word in group.split(",")}


QUERIES = [target["expr"] for panel in GRAPHS for target in panel["targets"]]
ALERTS = re.findall(
    r"^\| `(sora_[^`]+|increase[^`]+)` .*\|$",
    (Path(__file__).parents[2] / "docs" / "observability.md").read_text("utf-8"),
    re.MULTILINE,
)
ALERTS = [each for each in ALERTS if re.search(r"[<>=]=? ", each)]


@pytest.mark.parametrize("query", [*QUERIES, *ALERTS])
def test_a_query_asks_for_what_the_page_has_by_labels_that_are_there(query, exported):
    assert asked(query)
    for name, wanted in asked(query):
        assert name in exported
        there = {label for labels in exported[name] for label, _ in labels}
        assert {label for label, _, _ in wanted} | grouped_by(query) - {"le"} <= there
        exact = {(label, value) for label, how, value in wanted if how == "="}
        assert any(exact <= labels for labels in exported[name])
        if "histogram_quantile" in query:
            assert name.endswith("_bucket")
            assert "le" in grouped_by(query)


@pytest.mark.parametrize("panel", GRAPHS, ids=lambda panel: panel["title"])
def test_a_legend_names_labels_that_its_query_leaves(panel):
    for target in panel["targets"]:
        named = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target.get("legendFormat", "")))
        whole = not re.search(r"\b(sum|min|max|avg|histogram_quantile)\b", target["expr"])
        assert named <= (grouped_by(target["expr"]) | ({"instance"} if whole else set()))
        # The legend must name every label by which the query groups, except `le`.
        assert grouped_by(target["expr"]) - {"le"} <= named


def test_only_variables_that_there_are_are_used_and_only_panels_that_grafana_brings():
    given = {each["name"] for each in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)\}?", json.dumps(DASHBOARD)))
    assert used == given | {"__rate_interval"}
    assert {panel["type"] for panel in PANELS} == {"row", "stat", "timeseries", "state-timeline"}
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["w"] > 0
        assert place["h"] > 0
        assert min(place["x"], place["y"]) >= 0


def test_there_is_an_alert_for_each_thing_worth_one():
    assert len(ALERTS) >= 6
