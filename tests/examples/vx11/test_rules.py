"""The switch's rules: what they fit, and what is said of rules that can't be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from examples.vx11.rules import Rules, RulesError, load_rules
from examples.vx11.switch import RULES_FILE


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the rules of a test stand."""
    return tmp_path / "rules.yaml"


def _load(file: Path, text: str) -> Rules:
    file.write_text(text)
    return load_rules(file)


def _problems(file: Path, text: str) -> list[str]:
    with pytest.raises(RulesError) as raised:
        _load(file, text)
    assert str(raised.value) == "\n".join(raised.value.problems)
    return list(raised.value.problems)


class TestFitting:
    """Which rules decide about a message."""

    @pytest.mark.parametrize(
        ("when", "body", "fits"),
        [
            pytest.param("{}", {}, True, id="nothing-demanded"),
            pytest.param("{a: x}", {"a": "x", "b": 1}, True, id="value"),
            pytest.param("{a: x}", {"a": "y"}, False, id="another-value"),
            pytest.param("{a: x}", {"b": "x"}, False, id="absent"),
            pytest.param("{a: 1}", {"a": 1.0}, True, id="number"),
            pytest.param("{a: 1}", {"a": True}, False, id="true-is-no-number"),
            pytest.param("{a: false}", {"a": 0}, False, id="nought-is-not-false"),
            pytest.param("{a: '1'}", {"a": 1}, False, id="text-is-no-number"),
            pytest.param("{a: null}", {"a": None}, True, id="null"),
            pytest.param("{a: null}", {}, True, id="null-is-absent"),
            pytest.param("{a: [x, 2]}", {"a": 2}, True, id="one-of"),
            pytest.param("{a: [x, 2]}", {"a": 3}, False, id="none-of"),
            pytest.param("{a: [x]}", {"a": ["x"]}, False, id="a-list-is-no-value"),
            pytest.param("{a: {prefix: re}}", {"a": "restart"}, True, id="prefix"),
            pytest.param("{a: {prefix: re}}", {"a": "are"}, False, id="not-at-the-beginning"),
            pytest.param("{a: {prefix: '1'}}", {"a": 12}, False, id="a-number-has-no-prefix"),
            pytest.param("{a.b: x}", {"a": {"b": "x"}}, True, id="level"),
            pytest.param("{a.b: x}", {"a": "b"}, False, id="no-such-level"),
            pytest.param("{a: x, b: y}", {"a": "x", "b": "y"}, True, id="all-of-them"),
            pytest.param("{a: x, b: y}", {"a": "x"}, False, id="one-is-not-enough"),
        ],
    )
    def test_a_rule_fits_by_the_fields(self, file: Path, when: str, body: dict[str, Any], fits: bool) -> None:
        """Each field must be as demanded, by JSON's idea of what is the same."""
        rules = _load(file, f"rules: [{{from: a, to: b, when: {when}}}]")
        assert rules.fitting("a", body) == ([0] if fits else [])
        assert rules.fitting("other", body) == []

    @pytest.mark.parametrize(("all_of_them", "places"), [("false", [1]), ("true", [1, 2])])
    def test_the_first_decides_or_all_do(self, file: Path, all_of_them: str, places: list[int]) -> None:
        """In the order of the file."""
        text = "rules: [{from: a, to: b, when: {n: 2}}, {from: a, to: c}, {from: a, to: [d, e]}]"
        rules = _load(file, f"all: {all_of_them}\n{text}")
        assert rules.fitting("a", {"n": 1}) == places

    def test_what_is_left_out_has_a_meaning(self, file: Path) -> None:
        """The first rule decides, nothing is demanded, nothing is set; a target may stand alone."""
        rules = _load(file, "rules: [{from: a, to: b}, {from: c, to: [b, d]}, {from: a, to: d}]")
        assert rules.first_only
        assert rules.sources == ("a", "c")
        assert [rule.targets for rule in rules.rules] == [("b",), ("b", "d"), ("d",)]
        assert (rules.rules[0].conditions, rules.rules[0].changes) == ((), {})

    def test_the_switchs_own_rules_can_be_used(self) -> None:
        """Commands and figures of the operator become events."""
        rules = load_rules(RULES_FILE)
        assert rules.sources == ("operator.commands", "operator.figures")
        assert {target for rule in rules.rules for target in rule.targets} == {"events"}


class TestProblems:
    """Rules that can't be used."""

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            pytest.param("", "this must be a mapping with rules", id="empty"),
            pytest.param("[]", "this must be a mapping with rules", id="list"),
            pytest.param("{}", "rules: this must be a list of one rule or more", id="none"),
            pytest.param("rules: []", "rules: this must be a list of one rule or more", id="no-rule"),
            pytest.param("rules: [x]", "rules[0]: this must be a mapping", id="no-mapping"),
            pytest.param(
                "{all: 1, rules: [{from: a, to: b}]}", "all: this must be true or false", id="all-of-what"
            ),
            pytest.param("{al: true, rules: [{from: a, to: b}]}", "al: there is no such key", id="key"),
            pytest.param(
                "rules: [{from: a, to: b, wen: 1}]", "rules[0].wen: there is no such key", id="rule-key"
            ),
            pytest.param(
                "rules: [{to: b}]",
                "rules[0].from: this must be the name of a topic other than dead-letter",
                id="no-source",
            ),
            pytest.param(
                "rules: [{from: dead-letter, to: b}]",
                "rules[0].from: this must be the name of a topic other than dead-letter",
                id="dead-letters",
            ),
            pytest.param(
                "rules: [{from: a, to: []}]",
                "rules[0].to: this must be the name of a topic, or a list of such",
                id="no-target",
            ),
            pytest.param(
                "rules: [{from: a, to: [b, 'c/d']}]",
                "rules[0].to: this must be the name of a topic, or a list of such",
                id="bad-target",
            ),
            pytest.param(
                "rules: [{from: a, to: b, when: [x]}]",
                "rules[0].when: this must be fields and what they must be",
                id="when-is-a-list",
            ),
            *(
                pytest.param(
                    f"rules: [{{from: a, to: b, when: {{x: {demand}}}}}]",
                    "rules[0].when.x: this must be a value, a list of values or a prefix",
                    id=name,
                )
                for name, demand in {
                    "no-values": "[]",
                    "nested-values": "[[1]]",
                    "date": "2026-01-01",
                    "no-prefix": "{}",
                    "number-prefix": "{prefix: 1}",
                    "prefix-and-more": "{prefix: a, suffix: b}",
                }.items()
            ),
            *(
                pytest.param(
                    f"rules: [{{from: a, to: b, set: {changes}}}]",
                    "rules[0].set: this must be fields, not event_id among them, and their values",
                    id=name,
                )
                for name, changes in {
                    "set-is-a-list": "[x]",
                    "set-a-number-name": "{1: x}",
                    "set-a-date": "{x: [{y: 2026-01-01}]}",
                    "set-the-id": "{event_id: x}",
                }.items()
            ),
            pytest.param(
                "rules: [{from: a, to: a}]",
                "rules: they send messages in a circle, a to a",
                id="to-itself",
            ),
            pytest.param(
                "rules: [{from: z, to: a}, {from: a, to: [x, b]}, {from: b, to: c}, {from: c, to: [a, y]}]",
                "rules: they send messages in a circle, a to b to c to a",
                id="circle",
            ),
        ],
    )
    def test_a_problem_is_a_sentence_that_names_the_place(self, file: Path, text: str, problem: str) -> None:
        """With the file's name, and without what else stands there."""
        assert _problems(file, text) == [f"rules.yaml: {problem}"]

    def test_all_problems_come_at_once(self, file: Path) -> None:
        """Whoever mends a file wants to know them all."""
        assert len(_problems(file, "all: x\nrules: [{from: 1, to: 2}, 3]")) == 4

    @pytest.mark.parametrize(
        ("text", "place"), [(b"rules: [secret", ":1:15"), (b"\xff", "")], ids=["broken", "bytes"]
    )
    def test_what_is_no_yaml_is_not_quoted(self, file: Path, text: bytes, place: str) -> None:
        """Only the place is told."""
        file.write_bytes(text)
        with pytest.raises(RulesError) as raised:
            load_rules(file)
        assert raised.value.problems == (f"rules.yaml{place}: this is not YAML",)
