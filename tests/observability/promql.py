"""What a PromQL expression reads, and whether there are such series; it knows names, not values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

# Prometheus itself adds these to all it scrapes.
SCRAPED = frozenset({"job", "instance"})
_WORDS = frozenset({"and", "or", "unless", "bool", "offset"})
_STRING = r'"(?:[^"\\]|\\.)*"'
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_RANGE = re.compile(r"\[[^]]*\]")
_NAME = re.compile(rf'(?<![\w.])([a-zA-Z_:][\w:]*)\s*(?:\{{((?:[^}}"]|{_STRING})*)\}}|(\())?')
_MATCHER = re.compile(rf"(\w+)\s*(=~|!~|!=|=)\s*({_STRING})")


@dataclass(frozen=True, slots=True)
class Series:
    """One exported series; a label whose values nobody can foretell has the value None."""

    name: str
    labels: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition of a selector."""

    label: str
    operator: str
    value: str

    def admits(self, value: str | None) -> bool:
        """Whether a label's value fits; a dashboard's variable fits all."""
        if value is None or self.value.startswith("$"):
            return True
        same = self.value == value
        if "~" in self.operator:
            same = re.fullmatch(self.value, value) is not None
        return same is not self.operator.startswith("!")


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric's name with its conditions."""

    name: str
    matchers: tuple[Matcher, ...]


def groupings(expression: str) -> set[str]:
    """Return all labels that the expression groups or joins by."""
    lists = (match[1].split(",") for match in _GROUPING.finditer(expression))
    return {label.strip() for labels in lists for label in labels} - {""}


def selectors(expression: str) -> list[Selector]:
    """Return everything that the expression reads."""
    text = _RANGE.sub(" ", _GROUPING.sub(" ", expression))
    return [
        Selector(name, tuple(_matchers(conditions or "")))
        for name, conditions, call in _NAME.findall(text)
        if not call and name not in _WORDS
    ]


def faults(expression: str, exported: Sequence[Series]) -> Iterator[str]:
    """Say what of the expression reads nothing: a name, a label, or labels that no series has together."""
    known = set(SCRAPED)
    for selector in selectors(expression):
        found = [series for series in exported if series.name == selector.name]
        labels = SCRAPED.union(*(series.labels for series in found))
        known |= labels
        unknown = [matcher.label for matcher in selector.matchers if matcher.label not in labels]
        if not found:
            yield f"there is no metric {selector.name}"
        elif unknown:
            yield f"{selector.name} has no label {unknown[0]}"
        elif not any(_fits(series, selector) for series in found):
            yield f"{selector.name} has no series with these labels: {selector.matchers}"
    for label in sorted(groupings(expression) - known):
        yield f"no metric of it has the label {label}"


def _matchers(conditions: str) -> Iterator[Matcher]:
    for label, operator, value in _MATCHER.findall(conditions):
        yield Matcher(label, operator, value[1:-1])


def _fits(series: Series, selector: Selector) -> bool:
    wanted = (matcher for matcher in selector.matchers if matcher.label not in SCRAPED)
    return all(matcher.admits(series.labels.get(matcher.label, "")) for matcher in wanted)
