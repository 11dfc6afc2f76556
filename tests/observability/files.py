"""What stands in config/prometheus and config/grafana, read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

CONFIG = Path(__file__).parents[2] / "config"
PROMETHEUS = CONFIG / "prometheus"
GRAFANA = CONFIG / "grafana"
RULES = ("recording.yml", "alerts.yml")
RULE_TESTS = PROMETHEUS / "rules.test.yml"


def rules() -> list[dict[str, Any]]:
    """Return every rule of both files."""
    texts = ((PROMETHEUS / name).read_text(encoding="utf-8") for name in RULES)
    return [rule for text in texts for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def recorded() -> list[dict[str, Any]]:
    """Return the recording rules."""
    return [rule for rule in rules() if "record" in rule]


def alerts() -> list[dict[str, Any]]:
    """Return the alerts."""
    return [rule for rule in rules() if "alert" in rule]


def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    text = (GRAFANA / "dashboards" / "tentaculo.json").read_text(encoding="utf-8")
    read: dict[str, Any] = json.loads(text)
    return read


def panels() -> list[dict[str, Any]]:
    """Return the dashboard's panels without the rows' titles."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries() -> list[tuple[str, str]]:
    """Return each panel's title and expression, once for each expression."""
    return [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]


def variables() -> dict[str, str]:
    """Return the dashboard's variables and the queries that fill them in."""
    found = dashboard()["templating"]["list"]
    return {one["name"]: one["query"]["query"] for one in found if one["type"] == "query"}
