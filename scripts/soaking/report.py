"""What a soak found, as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.soaking.levels import Row
from scripts.soaking.outcomes import Outcomes


@dataclass(frozen=True, slots=True)
class Result:
    """The levels, the outcomes, and what else was counted; `complaints` are errors in the gateway's log."""

    rows: Sequence[Row]
    outcomes: Outcomes
    reloads: int
    complaints: Sequence[str]

    @property
    def level(self) -> bool:
        """Whether it ended as it began, and nothing failed on the way."""
        calm = not self.outcomes.failed and not self.complaints and self.reloads > 0
        return calm and all(row.level for row in self.rows)


def as_text(result: Result) -> str:
    """Write two tables, what went wrong, and the verdict."""
    outcomes = result.outcomes
    lines = [f"{'':32}{'before':>10}{'after':>10}{'allowed':>10}"]
    for row in result.rows:
        verdict = "" if row.level else "  not level"
        lines.append(
            f"{row.name:32}{row.before:>10.4g}{row.after:>10.4g}{'+':>5}{row.allowed:<5.3g}{verdict}"
        )
    lines += ["", f"{'':32}{'good':>10}{'explained':>10}{'failed':>10}"]
    lines += [
        f"{kind:32}{outcomes.good[kind]:>10}{outcomes.explained[kind]:>10}{outcomes.failed[kind]:>10}"
        for kind in outcomes.kinds
    ]
    lines += ["", f"reloads: {result.reloads}, upstream restarts: {outcomes.restarts}"]
    lines += [f"failed: {failure}" for failure in outcomes.failures]
    lines += [f"logged: {complaint}" for complaint in result.complaints]
    lines.append("level" if result.level else "NOT LEVEL")
    return "\n".join(lines)
