"""The scrape file, the rules and the alerts: good for Prometheus, tested, and of what the code exports."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.observability.exported import readable
from tests.observability.files import CONFIG, PROMETHEUS, RULE_TESTS, RULES, alerts, queries, recorded, rules
from tests.observability.prometheus import program
from tests.observability.promql import faults, groupings, selectors

RUNBOOKS = {
    "high-token-request-rate",
    "valid-token-count-anomaly",
    "token-validation-failures",
    "principal-token-fallback-use",
    "stream-connection-failures",
    "token-store-down",
    "emergency-rollback",
    "leaked-or-abused-token",
}
NAMES = [rule.get("record") or rule["alert"] for rule in rules()]
FIRED = r"\{\{ (?:\$labels\.\w+|\$value \| humanize\w*|or \$labels\.\w+ \"[\w ]+\") \}\}"


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run promtool."""
    return subprocess.run(
        [program("promtool"), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", PROMETHEUS / "prometheus.yml"),
        ("check", "rules", "--lint-fatal", *(PROMETHEUS / name for name in RULES)),
        ("test", "rules", RULE_TESTS),
    ],
    ids=["scrape file", "rules", "tests of the rules"],
)
def test_promtool_agrees(arguments: tuple[str | Path, ...]) -> None:
    """The real promtool finds no fault."""
    done = promtool(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_reads_the_rules(tmp_path: Path) -> None:
    """With another limit the tests of the rules fail: they test these rules."""
    for name in (*RULES, RULE_TESTS.name):
        text = (PROMETHEUS / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("> 500", "> 400"), encoding="utf-8")
    assert promtool("test", "rules", tmp_path / RULE_TESTS.name).returncode == 1


def test_scrape_file() -> None:
    """The gateway's admin listener is scraped, under the job that the rules name, and all rules are read."""
    read = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = read["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["tentaculo_link:9100"]}]
    assert job["job_name"] == "tentaculo"
    assert read["rule_files"] == list(RULES)


@pytest.mark.parametrize("rule", rules(), ids=NAMES)
def test_rules_read_what_is_exported(rule: dict[str, Any]) -> None:
    """Each metric, label and value that a rule names is one that the code exports or a rule records."""
    assert list(faults(rule["expr"], readable())) == []


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_alerts_are_told_in_full(alert: dict[str, Any]) -> None:
    """Each has a severity, a summary, a description of this very case, and a runbook."""
    assert alert["labels"]["severity"] in {"critical", "warning"}
    told = alert["annotations"]
    assert told.keys() == {"summary", "description", "runbook"}
    assert all(told.values())
    assert re.search(FIRED, told["description"]), told["description"]
    assert told["runbook"] in RUNBOOKS
    labels = groupings(alert["expr"]) | {"job", "instance", "upstream", "server"}
    assert set(re.findall(r"\$labels\.(\w+)", told["description"])) <= labels


def test_alerts_and_runbooks() -> None:
    """No alert is there twice, every runbook is some alert's, and rollback triggers name the rollback's."""
    names = [alert["alert"] for alert in alerts()]
    assert len(names) == len(set(names))
    assert {alert["annotations"]["runbook"] for alert in alerts()} == RUNBOOKS
    triggers = {alert["alert"]: alert for alert in alerts() if alert["labels"].get("rollback") == "true"}
    assert triggers.keys() == {"RollbackErrorRate", "RollbackTokensRefused", "RollbackStreamConnect"}
    assert {each["annotations"]["runbook"] for each in triggers.values()} == {"emergency-rollback"}


def test_alerts_are_tested() -> None:
    """The tests of the rules see each alert fire, and see it silent."""
    cases = yaml.safe_load(RULE_TESTS.read_text(encoding="utf-8"))["tests"]
    seen = [case for group in cases for case in group.get("alert_rule_test", ())]
    names = {alert["alert"] for alert in alerts()}
    assert {case["alertname"] for case in seen if case["exp_alerts"]} == names
    assert {case["alertname"] for case in seen if not case["exp_alerts"]} == names


def test_records_are_read() -> None:
    """Nothing is recorded twice, or for nobody."""
    names = [rule["record"] for rule in recorded()]
    assert len(names) == len(set(names))
    readers = [*(alert["expr"] for alert in alerts()), *(expression for _, expression in queries())]
    assert {each.name for reader in readers for each in selectors(reader)} >= set(names)


def test_page_names_what_there_is() -> None:
    """The page on monitoring names every alert, and none that is not there."""
    text = (CONFIG.parent / "docs" / "monitoring.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`([A-Z][a-z]+[A-Z]\w+)`", text)) == {alert["alert"] for alert in alerts()}
    metrics = set(re.findall(r"`((?:tentaculo|sse|ephemeral)_\w+)`", text))
    assert {
        name for name in metrics if not any(series.name.startswith(name) for series in readable())
    } == set()
