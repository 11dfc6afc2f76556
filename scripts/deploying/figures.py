"""What a gateway counted of its calls, and whether a deployment spoiled any."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

MOST_SHARE = 0.01
"""So many of the calls may be answered with a 5xx: above it operators roll back by hand too."""
FEW = 2
"""So few are no sign of anything, where there are hardly any calls."""

_SAMPLE = re.compile(
    r'^tentaculo_requests_total\{[^}]*status_class="(\w+)"[^}]*\} ([0-9.e+]+)$', re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Calls:
    """How many calls were finished, and how many of them with a 5xx."""

    finished: int = 0
    faults: int = 0

    def __add__(self, other: Calls) -> Calls:
        return Calls(self.finished + other.finished, self.faults + other.faults)

    def __sub__(self, other: Calls) -> Calls:
        return Calls(self.finished - other.finished, self.faults - other.faults)

    @property
    def are_good(self) -> bool:
        """Whether few enough of them failed."""
        return self.faults <= max(FEW, MOST_SHARE * self.finished)

    def __str__(self) -> str:
        return f"{self.faults} of {self.finished} calls were answered with a 5xx"


def read_calls(exposition: str) -> Calls:
    """Read them from a gateway's metrics."""
    counts = [(name, int(float(value))) for name, value in _SAMPLE.findall(exposition)]
    faults = sum(count for name, count in counts if name == "5xx")
    return Calls(sum(count for _, count in counts), faults)


def since(before: Mapping[str, Calls], after: Mapping[str, Calls]) -> Calls:
    """Return the sum of what gateways counted, by their ids; one that is new began with nothing."""
    return sum((calls - before.get(name, Calls()) for name, calls in after.items()), Calls())
