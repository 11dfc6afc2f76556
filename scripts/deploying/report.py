"""What a deployment did, step by step: a line each while it runs, and report.json and report.md of it.

Both are written anew after every step, so that one that was killed has a report too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.deploying.outcomes import StepFailed

Say = Callable[[str], None]
RUNNING = "running"
FAILED_WORD = "NO"


@dataclass(slots=True)
class Step:
    """One step: `seconds` that it took, `result` ok or NO, and what it said."""

    name: str
    seconds: float = 0.0
    result: str = RUNNING
    said: str = ""


@dataclass(slots=True)
class Told:
    """All that a report holds; `facts` are of the kind's own."""

    kind: str
    project: str
    began: str
    result: str = RUNNING
    seconds: float = 0.0
    steps: list[Step] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


class Report:
    """Collects the steps; `folder` may be None, then nothing is written."""

    def __init__(
        self,
        kind: str,
        project: str,
        folder: Path | None,
        say: Say,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self.told = Told(kind, project, datetime.now(UTC).isoformat(timespec="seconds"))
        self._say = say
        self._clock = clock
        self._began = clock()
        self._is_writable = True

    @property
    def seconds(self) -> float:
        """How long it took up to now."""
        return round(self._clock() - self._began, 1)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Take note of a step, whatever comes of it; the block may set what it said."""
        step, began = Step(name), self._clock()
        self.told.steps.append(step)
        try:
            yield step
            step.result = "ok"
        except BaseException as fault:
            step.result = FAILED_WORD
            step.said = str(fault) if isinstance(fault, StepFailed) else type(fault).__name__
            raise
        finally:
            step.seconds = round(self._clock() - began, 1)
            self._say(line_of(step))
            self.write()

    def note(self, **facts: Any) -> None:
        """Keep facts."""
        self.told.facts.update(facts)
        self.write()

    def end(self, result: str) -> None:
        """Say how it ended."""
        self.told.result = result
        self._say(f"{result}, after {self.seconds:.1f} s")
        self.write()
        if self.folder:
            self._say(f"report: {self.folder / 'report.md'}")

    def write(self) -> None:
        """Write both files; a disk that is full is no reason to stop, and is said once."""
        self.told.seconds = self.seconds
        try:
            self._write()
        except OSError as fault:
            if self._is_writable:
                self._say(f"the report can't be written: {fault.strerror}")
            self._is_writable = False

    def _write(self) -> None:
        if self.folder is None or not self.folder.is_dir():
            return
        for name, text in (("report.json", as_json(self.told)), ("report.md", as_page(self.told))):
            new = self.folder / f".{name}"
            new.write_text(text, encoding="utf-8")
            new.replace(self.folder / name)


def line_of(step: Step) -> str:
    """Return a step as a line, or more where it said more."""
    said = f": {step.said}" if step.said else ""
    return f"{step.result:2}  {step.seconds:5.1f} s  {step.name}{said}".replace("\n", "\n              ")


def as_json(told: Told) -> str:
    """Return it for programs."""
    return json.dumps(asdict(told), indent=2) + "\n"


def as_page(told: Told) -> str:
    """Return it for people."""
    steps = [
        f"| {step.name} | {step.seconds:.1f} s | {step.result} | {_cell(step.said)} |" for step in told.steps
    ]
    facts = [line for name, fact in told.facts.items() for line in _fact(name, fact)]
    return "\n".join(
        [
            f"# {told.kind.capitalize()} of {told.project}",
            "",
            f"Began {told.began}, took {told.seconds:.1f} s. **{told.result}**",
            "",
            "| step | time | result | it said |",
            "|---|---|---|---|",
            *steps,
            *facts,
            "",
        ]
    )


def _fact(name: str, fact: Any) -> list[str]:
    lines = ["", f"## {name.replace('_', ' ').capitalize()}", ""]
    if isinstance(fact, dict):
        return lines + [f"- `{key}`: {_cell(str(value))}" for key, value in fact.items()]
    if isinstance(fact, list):
        return lines + [f"- {_cell(str(one))}" for one in fact]
    return [*lines, str(fact)]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>")
