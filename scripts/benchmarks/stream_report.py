"""What `streams` measured, as Markdown for people and as JSON for later comparison.

Pure: takes results, returns text.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.benchmarks.report import MEDIANS, cell, page, table
from scripts.benchmarks.samples import spread
from scripts.benchmarks.stream_samples import Figure, StreamSample, StreamVerdict

COLUMNS: tuple[tuple[str, Figure, str], ...] = (
    ("CPU per event, μs", lambda sample: sample.cpu_per_event, ".1f"),
    ("memory per stream, KiB", lambda sample: sample.memory_per_stream, ".1f"),
    ("cores used", lambda sample: sample.cores_used, ".2f"),
    ("latency median, ms", lambda sample: sample.load.median_ms, ".2f"),
    ("latency p99, ms", lambda sample: sample.load.p99_ms, ".2f"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamResult:
    """A whole run; `void` says of each sample that was left out why."""

    title: str
    machine: str
    versions: Mapping[str, str]
    samples: tuple[StreamSample, ...]
    void: tuple[str, ...]


def as_markdown(result: StreamResult, verdicts: Sequence[StreamVerdict], *, with_goals: bool) -> str:
    """Return the tables: one row a peer and case, then one row a ratio."""
    versions = "; ".join(f"{name}: {version}" for name, version in result.versions.items())
    return page(
        [f"## {result.title}"],
        [f"{result.machine}. {versions}.", MEDIANS],
        [f"Left out: {'; '.join(result.void)}."] if result.void else [],
        _figures(result),
        _ratios(verdicts, with_goals=with_goals),
    )


def as_json(result: StreamResult, verdicts: Sequence[StreamVerdict]) -> str:
    """Return the same with every single sample."""
    samples = [
        dataclasses.asdict(sample)
        | {"cpu_per_event": sample.cpu_per_event, "memory_per_stream": sample.memory_per_stream}
        for sample in result.samples
    ]
    ratios = [
        {
            "subject": verdict.goal.subject.name,
            "against": verdict.goal.against.name,
            "what": verdict.goal.what,
            "at_most": verdict.goal.at_most,
            "ratio": None if verdict.ratio is None else dataclasses.asdict(verdict.ratio),
            "met": verdict.met,
        }
        for verdict in verdicts
    ]
    whole = {
        "title": result.title,
        "machine": result.machine,
        "versions": dict(result.versions),
        "samples": samples,
        "void": list(result.void),
        "ratios": ratios,
    }
    return json.dumps(whole, indent=2) + "\n"


def _figures(result: StreamResult) -> list[str]:
    rows = [
        [row.name, *(cell(spread([figure(one) for one in seen]), style) for _, figure, style in COLUMNS)]
        for row in dict.fromkeys(sample.row for sample in result.samples)
        for seen in [[sample for sample in result.samples if sample.row == row]]
    ]
    return table(["peer", *(title for title, _, _ in COLUMNS)], rows)


def _ratios(verdicts: Sequence[StreamVerdict], *, with_goals: bool) -> list[str]:
    rows = [
        [
            f"{verdict.goal.what}: {verdict.goal.subject.name}, against {verdict.goal.against.name}",
            cell(verdict.ratio, ".2f") if verdict.ratio else "not measured",
            *([f"≤ {verdict.goal.at_most:g}", _outcome(verdict)] if with_goals else []),
        ]
        for verdict in verdicts
    ]
    return table(["figure", "ratio", *(["goal", "result"] if with_goals else [])], rows)


def _outcome(verdict: StreamVerdict) -> str:
    return "met" if verdict.met else "**not met**"
