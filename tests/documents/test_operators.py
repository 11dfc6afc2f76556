"""The quick reference names what the code logs, answers and takes, and nothing else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.documents.pages import ROOT, text_of

_EVENT = re.compile(r"[a-z_]+\.[a-z_]+").fullmatch
_RAW = re.compile(rb'"event":"([a-z_.]+)"')
# Methods that log the event they are handed.
_LOGS = frozenset(
    {
        "debug",
        "info",
        "warning",
        "error",
        "event",
        "_event",
        "render",
        "_log",
        "_notice",
        "_tell",
        "_tell_of_name",
    }
)


def _section(title: str) -> str:
    return text_of("operators").partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def _logged(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
            yield from (found.decode() for found in _RAW.findall(node.value))
        if isinstance(node, ast.Call):
            yield from _handed_over(node)


def _handed_over(call: ast.Call) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if name not in _LOGS:
        return
    for part in (inner for argument in call.args for inner in ast.walk(argument)):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and _EVENT(part.value):
            yield part.value


def test_log_events() -> None:
    """The list of log events is that of the code."""
    paths = (ROOT / "tentaculo").rglob("*.py")
    logged = {event for path in paths for event in _logged(ast.parse(path.read_text(encoding="utf-8")))}
    first_cells = re.findall(r"^\| ([^|]+) \|", _section("Log events"), re.MULTILINE)
    listed = {event for cell in first_cells for event in re.findall(r"`([a-z_.]+)`", cell)}
    assert listed == logged


def test_end_reasons() -> None:
    """The reasons for which streams end are those that are counted."""
    from tentaculo.telemetry.stream_metrics import END_REASONS  # noqa: PLC0415 - one test's matter

    told = _section("Log events").partition("`end_reason` is one of ")[2].partition(". ")[0]
    assert set(re.findall(r"`(\w+)`", told)) == END_REASONS


def test_paths_of_the_admin_listener() -> None:
    """Every path of the admin listener is listed."""
    sources = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tentaculo" / "admin").glob("*.py")
    )
    added = set(re.findall(r'(?:add_(?:get|post|delete)|web\.(?:get|post|delete))\(\s*"(/[^"]*)"', sources))
    assert {"/live", "/reload", "/streams/{id}"} <= added
    assert {
        path for path in added if f"`{path}`" not in _section("Paths").replace(" /", "`/").replace("GET`", "")
    } == set()
