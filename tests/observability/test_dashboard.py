"""The dashboard: told in full, and of what the code exports; and the files that bring it to Grafana."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
import yaml

from tests.observability.exported import readable
from tests.observability.files import GRAFANA, PROMETHEUS, dashboard, panels, queries, variables
from tests.observability.promql import faults

# Grafana's own words for units.
UNITS = {"short", "reqps", "ops", "cps", "Bps", "percentunit", "s", "ms", "bool_yes_no"}
ROWS = ["Overview", "Calls", "Streams", "Tokens", "Upstreams", "Limits and log"]
NEEDED = (
    "ephemeral_tokens_issued_total",
    "ephemeral_tokens_valid",
    "ephemeral_tokens_expired_total",
    "sse_connect_latency_ms_bucket",
    "sse_streams_opened_total",
)
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

Panel = dict[str, Any]


def overlap(one: Panel, other: Panel) -> bool:
    """Whether two panels lie one over the other."""
    a, b = one["gridPos"], other["gridPos"]
    across: bool = a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"]
    down: bool = a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]
    return across and down


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_panels_are_told_in_full(panel: Panel) -> None:
    """Each has a title, a sentence that explains it, a unit, and queries of the chosen data source."""
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["datasource"] == DATASOURCE
    assert panel["targets"]
    assert all(target["datasource"] == DATASOURCE for target in panel["targets"])
    letters = [target["refId"] for target in panel["targets"]]
    assert len(letters) == len(set(letters))


def test_rows_and_places() -> None:
    """The rows are there in their order; no title is there twice, and no panel lies over another."""
    everything = dashboard()["panels"]
    assert [panel["title"] for panel in everything if panel["type"] == "row"] == ROWS
    for part in ("id", "title"):
        assert len({panel[part] for panel in everything}) == len(everything)
    assert not [pair for pair in combinations(everything, 2) if overlap(*pair)]
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in everything)


@pytest.mark.parametrize(("title", "expression"), queries(), ids=lambda text: text[:40])
def test_panels_read_what_is_exported(title: str, expression: str) -> None:
    """Each metric, label and value that a panel names is one that the code exports or a rule records."""
    assert list(faults(expression, readable())) == [], title


@pytest.mark.parametrize("query", variables().values(), ids=variables())
def test_variables_read_what_is_exported(query: str) -> None:
    """Nor can a variable be filled in from what is not there."""
    selector, label = query.removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
    assert list(faults(f"sum by ({label}) ({selector})", readable())) == []


@pytest.mark.parametrize("name", NEEDED)
def test_what_operators_watch_is_shown(name: str) -> None:
    """The metrics that operators know are on the dashboard."""
    assert any(name in expression for _, expression in queries())


def test_provisioning() -> None:
    """Grafana finds the dashboard and the data source that it chooses, with its scrape interval."""
    (folder,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/tentaculo.yaml").read_text())["providers"]
    assert folder["type"] == "file"
    assert folder["options"]["path"] == "/var/lib/grafana/dashboards"
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text())[
        "datasources"
    ]
    chosen = dashboard()["templating"]["list"][0]
    assert (chosen["query"], chosen["current"]["value"]) == (source["type"], source["uid"])
    scraped = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scraped
