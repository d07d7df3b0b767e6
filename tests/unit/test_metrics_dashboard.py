"""The dashboard's file: panels that Grafana can lay out, on whatever Prometheus its user has."""

import itertools
import json
from pathlib import Path

import pytest

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
