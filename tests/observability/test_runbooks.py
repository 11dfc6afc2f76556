"""The runbooks: a page for each that alerts name, in one form, of metrics and alerts that there are."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest
import yaml

from tests.observability.exported import readable
from tests.observability.files import CONFIG, alerts
from tests.observability.promql import Selector, faults, selectors
from tests.stack.runbooks import PAGES, SECTIONS, Runbook, blocks, names, runbook

LINES = 95
ADDRESS = "http://127.0.0.1:9090"
QUERY = re.compile(rf"promtool query instant {ADDRESS}\s+(?:'([^']*)'|\"([^\"]*)\"|([\w:]+))")
LOOP = re.compile(r"for (\w+) in ([\w ]+); do")
ALERT = re.compile(r"`([A-Z][a-z]+[A-Z]\w+)`")
METRIC = re.compile(r"\b(?:tentaculo|sse|ephemeral)_[a-z_]+_(?:total|seconds|ms|open|up|valid|rejected)\b")
INDEX = (PAGES / "index.md").read_text(encoding="utf-8")
ALERTS = {alert["alert"]: alert["annotations"]["runbook"] for alert in alerts()}
RUNBOOKS = sorted(set(ALERTS.values()))


def queries(text: str) -> Iterator[str]:
    """Return what a page's commands ask Prometheus, once for each value of a loop's variable."""
    for block in blocks(text):
        loops = LOOP.findall(block)
        for found in QUERY.findall(block.replace("\\\n", " ")):
            expression = "".join(found)
            for variable, values in loops or [("", "")]:
                yield from (expression.replace(f"${variable}", value) for value in values.split() or [""])


def asks_of_alerts(page: Runbook) -> Iterator[Selector]:
    """Return what a page's check asks of alerts."""
    for expression in queries(f"```sh\n{page.check}```\n"):
        yield from (each for each in selectors(expression) if each.name == "ALERTS")


def test_a_page_for_each() -> None:
    """There is a page for each runbook that an alert names, and no other; all are in the site's contents."""
    assert names() == RUNBOOKS
    contents = re.findall(
        r"runbooks/([\w-]+)\.md", (CONFIG.parent / "mkdocs.yml").read_text(encoding="utf-8")
    )
    assert sorted(contents) == sorted([*RUNBOOKS, "index"])


@pytest.mark.parametrize("name", RUNBOOKS)
def test_form(name: str) -> None:
    """Each fits a screen or two, has the five sections, and commands wherever there is something to do."""
    page = runbook(name)
    assert tuple(page.blocks) == SECTIONS
    assert [title for title in ("Check", "Act", "Verify") if not page.blocks[title]] == []
    assert "```" not in re.sub(r"^( *)```sh\n.*?^\1```$", "", page.text, flags=re.M | re.S)
    assert page.text.count("\n") <= LINES


@pytest.mark.parametrize("name", RUNBOOKS)
def test_alerts_of_a_page(name: str) -> None:
    """Its symptoms name the alerts that lead to it, its check asks for each, and there are no others."""
    page = runbook(name)
    own = {alert for alert, of in ALERTS.items() if of == name}
    assert own <= set(ALERT.findall(page.text.partition("## Check")[0]))
    assert set(ALERT.findall(page.text)) <= ALERTS.keys()
    asked = [
        each for selector in asks_of_alerts(page) for each in selector.matchers if each.label == "alertname"
    ]
    assert {alert for alert in ALERTS if any(matcher.admits(alert) for matcher in asked)} == own


@pytest.mark.parametrize("name", [*RUNBOOKS, "index"])
def test_metrics_of_a_page(name: str) -> None:
    """What it asks Prometheus for is exported or recorded, and so is every metric that it names."""
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    exported = readable()
    asked = list(queries(text))
    assert asked
    assert [fault for expression in asked for fault in faults(expression, exported)] == []
    known = {series.name for series in exported}
    known |= {re.sub(r"_(?:bucket|count|sum)$", "", series) for series in known}
    assert set(METRIC.findall(text)) <= known


@pytest.mark.parametrize("name", [*RUNBOOKS, "index"])
def test_commands_of_a_page(name: str) -> None:
    """A shell can read them, and scripts and files that they name are there."""
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    for commands in blocks(text):
        read = subprocess.run(["bash", "-n"], input=commands, text=True, check=False, capture_output=True)
        assert (read.returncode, read.stderr) == (0, ""), commands
        for path in re.findall(r"(?<![\w./-])(?:scripts|config|examples)/[\w./-]+\w", commands):
            assert (CONFIG.parent / PurePosixPath(path)).exists(), path


def test_index() -> None:
    """Its table leads from every alert to its page, by the page's title."""
    rows = re.findall(r"^\| (`.*`) \| \[(.+)\]\(([\w-]+)\.md\) \|$", INDEX, re.M)
    led = {alert: page for cell, _, page in rows for alert in re.findall(r"`(\w+)`", cell)}
    assert led == ALERTS
    titles = {page: runbook(page).text.splitlines()[0].removeprefix("# ") for page in RUNBOOKS}
    assert {page: title for _, title, page in rows} == titles


def test_index_names_the_files() -> None:
    """The compose files that it names are there, and the second one brings Prometheus."""
    (files,) = re.findall(r"^export COMPOSE_FILE=(\S+)$", INDEX, re.M)
    first, second = (CONFIG.parent / name for name in files.split(":"))
    assert first.is_file()
    assert "prometheus" in yaml.safe_load(second.read_text(encoding="utf-8"))["services"]
