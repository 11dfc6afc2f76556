"""Check the shape of the code: a test file for each source file, and the sizes of functions and files.

Looks at the tree it stands in, prints one line a fault and exits 1 if there was one.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "tentaculo"
FOLDERS = (PACKAGE, "tests", "examples", "scripts")
FILE_LINES = 350
FUNCTION_LINES = 50
MEDIAN_LINES = 8
P90_LINES = 30

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file; `place` is its path from the root of the tree."""

    place: Path
    text: str
    functions: tuple[Function, ...]
    defines: bool

    @property
    def lengths(self) -> list[int]:
        """Lines of each function, from `def` to its last line."""
        return [_length(function) for function in self.functions]


def read(root: Path, place: Path) -> Source:
    """Parse the file at `place` under `root`."""
    text = (root / place).read_text(encoding="utf-8")
    nodes = list(ast.walk(ast.parse(text)))
    functions = tuple(node for node in nodes if isinstance(node, Function))
    return Source(place, text, functions, any(isinstance(node, Function | ast.ClassDef) for node in nodes))


def read_all(root: Path) -> list[Source]:
    """Parse every Python file of the folders that are looked at."""
    paths = (path for folder in FOLDERS for path in sorted((root / folder).rglob("*.py")))
    return [read(root, path.relative_to(root)) for path in paths]


def expected_test(place: Path) -> Path:
    """Return where the tests of a source file stand: tentaculo/a/b.py -> tests/a/test_b.py."""
    return Path("tests", *place.parts[1:-1], f"test_{place.name}")


def missing_tests(sources: list[Source]) -> Iterator[str]:
    """Name each file of the package that defines something and has no test file."""
    present = {source.place for source in sources}
    for source in sources:
        place = source.place
        if place.parts[0] != PACKAGE or place.name == "__init__.py" or not source.defines:
            continue
        if expected_test(place) not in present:
            yield f"{place}: no test file {expected_test(place)}"


def too_long(sources: list[Source]) -> Iterator[str]:
    """Name each file and each function that is over its limit."""
    for source in sources:
        lines = source.text.count("\n")
        if lines > FILE_LINES:
            yield f"{source.place}: {lines} lines, more than {FILE_LINES}"
        for function in source.functions:
            if _length(function) > FUNCTION_LINES:
                place = f"{source.place}:{function.lineno}"
                yield f"{place}: {function.name} has {_length(function)} lines, more than {FUNCTION_LINES}"


def too_long_as_a_rule(sources: list[Source]) -> Iterator[str]:
    """Say where the median or the 90th percentile of the package's functions is over its limit."""
    lengths = sorted(n for source in sources if source.place.parts[0] == PACKAGE for n in source.lengths)
    if len(lengths) < 2:
        return
    median, p90 = statistics.median(lengths), statistics.quantiles(lengths, n=10, method="inclusive")[-1]
    if median > MEDIAN_LINES or p90 > P90_LINES:
        yield (
            f"{PACKAGE}: functions have {median:g} lines in the median (at most {MEDIAN_LINES}), "
            f"{p90:g} at the 90th percentile (at most {P90_LINES})"
        )


def faults(root: Path) -> list[str]:
    """Return every fault of the tree under `root`, one line each."""
    sources = read_all(root)
    return [*missing_tests(sources), *too_long(sources), *too_long_as_a_rule(sources)]


def main() -> int:
    """Print the faults of this tree; return 1 if there are any."""
    found = faults(Path(__file__).resolve().parent.parent)
    print(*found or ["Every source file has its tests, and no function or file is too long."], sep="\n")
    return 1 if found else 0


def _length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


if __name__ == "__main__":
    sys.exit(main())
