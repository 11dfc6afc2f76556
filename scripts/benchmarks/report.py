"""What was measured, as Markdown for people and as JSON for later comparison.

Pure: takes results, returns text.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scripts.benchmarks.samples import Sample, Spread, Verdict, spread_of

MEBIBYTE = 1 << 20
MEDIANS = "Each figure is the median over the rounds (lowest to highest)."
Figure = Callable[[Sample], float]
COLUMNS: tuple[tuple[str, Figure, str], ...] = (
    ("requests/s", lambda sample: sample.per_second, ",.0f"),
    ("requests per CPU-second", lambda sample: sample.per_cpu_second, ",.0f"),
    ("cores used", lambda sample: sample.cores_used, ".2f"),
    ("latency median, ms", lambda sample: sample.load.median_ms, ".2f"),
    ("latency p99, ms", lambda sample: sample.load.p99_ms, ".2f"),
    ("memory, MiB", lambda sample: sample.resident_bytes / MEBIBYTE, ".1f"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A whole run: `backend_per_second` is what the backend answers without a proxy."""

    title: str
    machine: str
    versions: tuple[tuple[str, str], ...]
    backend_per_second: float
    samples: tuple[Sample, ...]


def as_markdown(result: Result, verdicts: Sequence[Verdict], *, with_goals: bool) -> str:
    """Return the tables: one row a peer, then one row a ratio."""
    versions = "; ".join(f"{name}: {version}" for name, version in result.versions)
    alone = f"The backend alone answers {result.backend_per_second:,.0f} requests/s."
    return page(
        [f"## {result.title}"],
        [f"{result.machine}. {versions}.", f"{alone} {MEDIANS}"],
        _figures(result),
        _ratios(verdicts, with_goals=with_goals),
    )


def as_json(result: Result, verdicts: Sequence[Verdict]) -> str:
    """Return the same with every single sample."""
    samples = [
        dataclasses.asdict(sample)
        | {"per_second": sample.per_second, "per_cpu_second": sample.per_cpu_second}
        for sample in result.samples
    ]
    ratios = [dataclasses.asdict(verdict) | {"met": verdict.met} for verdict in verdicts]
    whole = dataclasses.asdict(result) | {
        "versions": dict(result.versions),
        "samples": samples,
        "ratios": ratios,
    }
    return json.dumps(whole, indent=2) + "\n"


def page(*parts: Sequence[str]) -> str:
    """Join the lines of parts that an empty line divides; those without lines are left out."""
    return "\n\n".join("\n".join(part) for part in parts if part)


def cell(value: Spread, style: str) -> str:
    """Show a median with its extremes, each in `style`."""
    return f"{value.median:{style}} ({value.low:{style}} to {value.high:{style}})"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table whose first column is text and whose others are figures."""
    rule = ["---", *("---:" for _ in heads[1:])]
    return [f"| {' | '.join(row)} |" for row in (heads, rule, *rows)]


def _figures(result: Result) -> list[str]:
    rows = [
        [name, *(cell(spread_of(result.samples, name, figure), style) for _, figure, style in COLUMNS)]
        for name, _ in result.versions
    ]
    return table(["peer", *(title for title, _, _ in COLUMNS)], rows)


def _ratios(verdicts: Sequence[Verdict], *, with_goals: bool) -> list[str]:
    rows = [
        [
            verdict.goal.against,
            cell(verdict.ratio, ".2f") if verdict.ratio else "not measured",
            *(_outcome(verdict) if with_goals else ()),
        ]
        for verdict in verdicts
    ]
    heads = ["requests per CPU-second against", "ratio", *(["goal", "result"] if with_goals else [])]
    return table(heads, rows)


def _outcome(verdict: Verdict) -> tuple[str, str]:
    if verdict.goal.at_least is None:
        return "none", "shown only"
    return f"≥ {verdict.goal.at_least:g}", "met" if verdict.met else "**not met**"
