"""What was measured, as Markdown for people and as JSON for later comparison.

Pure: takes results, returns text.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.benchmarks.figures import Goal, Result, Spread, Verdict

MEDIANS = "Each figure is the median over the rounds (lowest to highest)."
ABSENT = "none"


def as_markdown(result: Result, *, with_goals: bool) -> str:
    """Return the tables of one result: a row for each peer, then one for each ratio."""
    return page(
        [f"## {result.title}"],
        [f"{result.machine}. {_versions(result)}."],
        [*result.remarks, MEDIANS],
        _figures(result),
        _ratios(result.verdicts(), with_goals=with_goals),
    )


def as_page(results: Sequence[Result], missing: Mapping[str, str], *, with_goals: bool) -> str:
    """Return a whole run; `missing` has the reason for each benchmark that could not be measured."""
    tables = [[as_markdown(result, with_goals=with_goals)] for result in results]
    reasons = [f"- {name} was not measured: {reason}" for name, reason in missing.items()]
    return page(*tables, reasons) + "\n"


def as_json(results: Sequence[Result], missing: Mapping[str, str]) -> str:
    """Return the same with every single measurement."""
    whole = {"results": [_as_data(result) for result in results], "missing": dict(missing)}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def page(*parts: Sequence[str]) -> str:
    """Join the lines of parts that an empty line divides; those without lines are left out."""
    return "\n\n".join("\n".join(part) for part in parts if part)


def cell(value: Spread | None, style: str) -> str:
    """Show a median, with its extremes where there are any, each in `style`."""
    if value is None:
        return ABSENT
    if value.low == value.high:
        return f"{value.median:{style}}"
    return f"{value.median:{style}} ({value.low:{style}} to {value.high:{style}})"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table whose first column is text and whose others are figures."""
    rule = ["---", *("---:" for _ in heads[1:])]
    return [f"| {' | '.join(row)} |" for row in (heads, rule, *rows)]


def bound(goal: Goal) -> str:
    """Show how large or small the goal's ratio must be; empty where it is only shown."""
    bounds = (("≥", goal.at_least), ("≤", goal.at_most))
    return " and ".join(f"{sign} {value:g}" for sign, value in bounds if value is not None)


def _versions(result: Result) -> str:
    # A peer that has several rows is named once.
    peers = dict.fromkeys((row.partition(",")[0], version) for row, version in result.versions.items())
    return "; ".join(f"{peer}: {version}" for peer, version in peers)


def _figures(result: Result) -> list[str]:
    rows = [
        [row, *(cell(result.spread_of(row, column.figure), column.style) for column in result.columns)]
        for row in result.rows
    ]
    return table(["peer", *(column.figure for column in result.columns)], rows)


def _ratios(verdicts: Sequence[Verdict], *, with_goals: bool) -> list[str]:
    if not verdicts:
        return []
    rows = [
        [
            verdict.goal.name,
            cell(verdict.ratio, ".2f") if verdict.ratio else "not measured",
            *(_outcome(verdict) if with_goals else ()),
        ]
        for verdict in verdicts
    ]
    return table(["compared", "ratio", *(["goal", "result"] if with_goals else [])], rows)


def _outcome(verdict: Verdict) -> tuple[str, str]:
    wanted = bound(verdict.goal)
    if not wanted:
        return "none", "shown only"
    return wanted, "met" if verdict.met else "**not met**"


def _as_data(result: Result) -> dict[str, Any]:
    ratios = [
        {
            "name": verdict.goal.name,
            **dataclasses.asdict(verdict.goal),
            "ratio": dataclasses.asdict(verdict.ratio) if verdict.ratio else None,
            "met": verdict.met,
        }
        for verdict in result.verdicts()
    ]
    measurements = [
        {"row": measured.row, "round": measured.round, "figures": dict(measured.figures)}
        for measured in result.measurements
    ]
    return {
        "name": result.name,
        "title": result.title,
        "machine": result.machine,
        "versions": dict(result.versions),
        "remarks": list(result.remarks),
        "rows": list(result.rows),
        "measurements": measurements,
        "ratios": ratios,
    }
