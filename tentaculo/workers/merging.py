"""The metrics of several workers as those of one gateway, in Prometheus' text format.  Pure.

Counters and histograms are added up, and what a worker counted stays counted when it has ended, so no sum
goes back.  Gauges are added up too, where that means anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

# What the supervisor alone knows, or each worker would count for all.
OWN = frozenset(
    {
        b"tentaculo_build_info",
        b"tentaculo_config_rejected",
        b"tentaculo_config_reloads_total",
        b"tentaculo_worker_restarts_total",
        b"tentaculo_workers",
    }
)
# What all see and one may see first: the worst of it; and what each of them counts whole.
_GAUGES: dict[bytes, Callable[[float, float], float]] = {
    b"tentaculo_token_store_up": min,
    b"tentaculo_upstream_server_up": min,
    b"ephemeral_tokens_valid": max,
}
_GROWING = frozenset({b"counter", b"histogram"})


@dataclass(slots=True)
class Family:
    """One metric: its two lines of comment, its type, and its values by name with labels."""

    head: list[bytes]
    kind: bytes
    samples: dict[bytes, float] = field(default_factory=dict)


@dataclass(slots=True)
class Exposition:
    """The families of one text by name, or sums of several."""

    families: dict[bytes, Family] = field(default_factory=dict)

    def add(self, text: bytes, *, is_past: bool = True) -> None:
        """Add the values of a text; of a worker that `is_past` only what never goes back."""
        self.add_all(parse(text), is_past=is_past)

    def add_all(self, other: Exposition, *, is_past: bool = True) -> None:
        """Add the values of another one, as those of its text."""
        for name, family in other.families.items():
            if name not in OWN and not (is_past and family.kind not in _GROWING):
                self._add(name, family)

    def take(self, text: bytes, names: Iterable[bytes]) -> None:
        """Take over families from a text in place of what there is."""
        found = parse(text).families
        self.families |= {name: found[name] for name in names if name in found}

    def _add(self, name: bytes, family: Family) -> None:
        mine = self.families.setdefault(name, Family(family.head, family.kind)).samples
        together = _GAUGES.get(name, float.__add__)
        for series, value in family.samples.items():
            mine[series] = value if series not in mine else together(mine[series], value)

    def forget(self, label: bytes, values: Iterable[str]) -> None:
        """Leave out the series of routes or upstreams that are no more."""
        gone = tuple(b'%s="%s"' % (label, value.encode()) for value in values)
        if not gone:
            return
        for family in self.families.values():
            for series in [one for one in family.samples if any(each in one for each in gone)]:
                del family.samples[series]

    def copy(self) -> Exposition:
        """Return another one of the same."""
        return Exposition(
            {name: Family(one.head, one.kind, dict(one.samples)) for name, one in self.families.items()}
        )

    def text(self) -> bytes:
        """Return all of it as one text."""
        lines: list[bytes] = []
        for family in self.families.values():
            lines += family.head
            lines += [b"%s %s" % (series, _shown(value)) for series, value in family.samples.items()]
        return b"\n".join([*lines, b""])


def merge(past: Exposition, answered: Sequence[bytes], silent: Sequence[bytes], own: bytes) -> bytes:
    """Return one text of what the workers have answered now, and what is known of those that did not.

    `own` is the supervisor's, `past` what those counted who have ended; neither is changed.
    """
    merged = Exposition()
    for text in answered:
        merged.add(text, is_past=False)
    for text in silent:
        merged.add(text)
    merged.add_all(past)
    merged.take(own, OWN)
    return merged.text()


def parse(text: bytes) -> Exposition:
    """Read what prometheus-client wrote: each family with its help and type before its values."""
    families: dict[bytes, Family] = {}
    family = Family([], b"")
    for line in text.splitlines():
        if line.startswith(b"# HELP "):
            family = Family([line], b"untyped")
            families[line.split(b" ", 3)[2]] = family
        elif line.startswith(b"# TYPE "):
            family.head.append(line)
            family.kind = line.split(b" ", 3)[3]
        elif line:
            series, _, value = line.rpartition(b" ")
            family.samples[series] = float(value)
    return Exposition(families)


def _shown(value: float) -> bytes:
    shown = repr(value)
    return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(shown, shown).encode()
