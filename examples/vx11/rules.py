"""The switch's rules: read from YAML with every problem at once, and asked where a message goes.

It knows neither madre nor HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from examples.vx11.bus import is_name

DEAD_LETTER = "dead-letter"

_RULE_KEYS = {"from", "when", "to", "set"}
_SCALARS = (str, int, float, bool, type(None))


class RulesError(Exception):
    """Rules that can't be used; `problems` are sentences that name the place."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What one field must be: one of `values`, or a text that begins with `prefix`."""

    field: str
    values: tuple[object, ...] = ()
    prefix: str | None = None

    def holds(self, body: Mapping[str, object]) -> bool:
        """Whether the body's field is as demanded."""
        found = _look_up(body, self.field)
        if self.prefix is not None:
            return isinstance(found, str) and found.startswith(self.prefix)
        return any(_same(found, value) for value in self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which messages of `source` go to which `targets`, with which fields set."""

    source: str
    conditions: tuple[Condition, ...]
    targets: tuple[str, ...]
    changes: Mapping[str, object]

    def fits(self, topic: str, body: Mapping[str, object]) -> bool:
        """Whether the rule is for this message."""
        return topic == self.source and all(condition.holds(body) for condition in self.conditions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All rules in their order; `first_only` of those that fit counts."""

    rules: tuple[Rule, ...]
    first_only: bool

    @property
    def sources(self) -> tuple[str, ...]:
        """The topics that there are rules for, each once."""
        return tuple(dict.fromkeys(rule.source for rule in self.rules))

    def fitting(self, topic: str, body: Mapping[str, object]) -> list[int]:
        """Return the places of the rules that decide about a message; none when it is unroutable."""
        fitting = [place for place, rule in enumerate(self.rules) if rule.fits(topic, body)]
        return fitting[:1] if self.first_only else fitting


def load_rules(file: Path) -> Rules:
    """Return the rules of a file; raises RulesError, and OSError when it can't be read."""
    try:
        document = yaml.safe_load(file.read_bytes())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        # The driver's own text quotes the file.
        mark = getattr(error, "problem_mark", None)
        place = "" if mark is None else f":{mark.line + 1}:{mark.column + 1}"
        raise RulesError([f"{file.name}{place}: this is not YAML"]) from None
    problems = [f"{file.name}: {problem}" for problem in _problems(document)]
    if problems:
        raise RulesError(problems)
    rules = tuple(_read_rule(rule) for rule in document["rules"])
    if loop := _find_loop(rules):
        raise RulesError([f"{file.name}: rules: they send messages in a circle, {' to '.join(loop)}"])
    return Rules(rules=rules, first_only=not document.get("all", False))


def _read_rule(rule: Mapping[str, Any]) -> Rule:
    return Rule(
        source=rule["from"],
        conditions=tuple(_read_condition(field, demand) for field, demand in rule.get("when", {}).items()),
        targets=tuple(_listed(rule["to"])),
        changes=rule.get("set", {}),
    )


def _read_condition(field: str, demand: object) -> Condition:
    if isinstance(demand, dict):
        return Condition(field=field, prefix=demand["prefix"])
    return Condition(field=field, values=tuple(_listed(demand)))


def _problems(document: object) -> Iterator[str]:
    if not isinstance(document, dict):
        yield "this must be a mapping with rules"
        return
    yield from _unknown_keys(document, {"all", "rules"}, "")
    if not isinstance(document.get("all", False), bool):
        yield "all: this must be true or false"
    rules = document.get("rules")
    if not isinstance(rules, list) or not rules:
        yield "rules: this must be a list of one rule or more"
        return
    for place, rule in enumerate(rules):
        yield from (f"rules[{place}]{problem}" for problem in _rule_problems(rule))


def _rule_problems(rule: object) -> Iterator[str]:
    if not isinstance(rule, dict):
        yield ": this must be a mapping"
        return
    yield from _unknown_keys(rule, _RULE_KEYS, ".")
    if not is_name(rule.get("from")) or rule.get("from") == DEAD_LETTER:
        yield f".from: this must be the name of a topic other than {DEAD_LETTER}"
    targets = _listed(rule.get("to"))
    if not targets or not all(is_name(target) for target in targets):
        yield ".to: this must be the name of a topic, or a list of such"
    yield from _when_problems(rule.get("when", {}))
    changes = rule.get("set", {})
    if not _is_named(changes) or "event_id" in changes or not _is_json(changes):
        yield ".set: this must be fields, not event_id among them, and their values"


def _when_problems(when: Any) -> Iterator[str]:
    if not _is_named(when):
        yield ".when: this must be fields and what they must be"
        return
    for field, demand in when.items():
        if isinstance(demand, dict):
            is_good = demand.keys() == {"prefix"} and isinstance(demand["prefix"], str)
        else:
            is_good = _listed(demand) != [] and all(isinstance(one, _SCALARS) for one in _listed(demand))
        if not is_good:
            yield f".when.{field}: this must be a value, a list of values or a prefix"


def _unknown_keys(mapping: Mapping[object, object], known: set[str], before: str) -> Iterator[str]:
    yield from (f"{before}{key}: there is no such key" for key in mapping if key not in known)


def _find_loop(rules: tuple[Rule, ...]) -> list[str]:
    """Return the topics of a circle of rules, the first again at its end; none when there is no circle."""
    onward: dict[str, set[str]] = {}
    for rule in rules:
        onward.setdefault(rule.source, set()).update(rule.targets)

    def follow(topic: str, way: list[str]) -> list[str]:
        if topic in way:
            return [*way[way.index(topic) :], topic]
        found = (follow(target, [*way, topic]) for target in sorted(onward.get(topic, ())))
        return next(filter(None, found), [])

    return next(filter(None, (follow(topic, []) for topic in onward)), [])


def _look_up(body: Mapping[str, object], path: str) -> object:
    found: object = body
    for key in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found


def _same(found: object, value: object) -> bool:
    # In JSON true is no number, as in Python it is.
    return isinstance(found, bool) is isinstance(value, bool) and found == value


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def _is_named(given: Any) -> bool:
    return isinstance(given, dict) and all(isinstance(field, str) for field in given)


def _is_json(given: Any) -> bool:
    if isinstance(given, dict):
        return _is_named(given) and all(map(_is_json, given.values()))
    if isinstance(given, list):
        return all(map(_is_json, given))
    return isinstance(given, _SCALARS)
