"""Write the lists of docs/operators.md that the code knows best: metrics and error codes.

Each list stands between two comments, `<!-- NAME: begin -->` and `<!-- NAME: end -->`; all else on the page
is written by hand.  A part of scripts/docs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tentaculo.errors import GatewayError
from tentaculo.telemetry.metrics import Metrics

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "operators.md"

_SUFFIXES = {"counter": "_total", "info": "_info"}


def filled(text: str) -> str:
    """Return the page's text with its lists as the code has them."""
    for name, rows in {"metrics": metric_rows(), "errors": error_rows()}.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if len(pattern.findall(text)) != 1:
            raise ValueError(f"{PAGE.name} has no place for its {name}")
        block = "\n".join((begin, "", *rows, "", end))
        text = pattern.sub(lambda _, block=block: block, text)  # type: ignore[misc]
    return text


def metric_rows() -> Iterator[str]:
    """Yield the table of all metrics, with the names that Prometheus has them by."""
    yield "| metric | type | labels | what it says |"
    yield "|---|---|---|---|"
    for name, kind, labels, about in sorted(_families()):
        shown = ", ".join(f"`{label}`" for label in labels)
        yield f"| `{name}{_SUFFIXES.get(kind, '')}` | {kind} | {shown} | {about} |"


def error_rows() -> Iterator[str]:
    """Yield the table of all errors that the gateway answers with."""
    yield "| status | `code` | when |"
    yield "|---|---|---|"
    for error in sorted(_errors(GatewayError), key=lambda error: (error.status, error.code)):
        when = (error.__doc__ or "").partition("\n\n")[0].replace("\n    ", " ")
        yield f"| {error.status} | `{error.code}` | {when} |"


def _families() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Yield name, type, labels and description of each family, in the order of the registry."""
    metrics = Metrics(version="")
    route = metrics.route("a", streams=True, rate_limited=True)
    route.request_finished("GET", 200, 0.0)
    metrics.upstreams.server("b", "c")
    metrics.upstreams.failed("b", "upstream_timeout")
    for collector in tuple(metrics.registry._collector_to_names):
        names: Any = getattr(collector, "_labelnames", ())
        for family in collector.collect():
            seen = {label for sample in family.samples for label in sample.labels} - {"le"}
            yield family.name, family.type, tuple(sorted({*seen, *names})), family.documentation


def _errors(base: type[GatewayError]) -> Iterator[type[GatewayError]]:
    for error in base.__subclasses__():
        yield error
        yield from _errors(error)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
