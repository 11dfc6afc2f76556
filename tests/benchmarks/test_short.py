"""Tests of the short form: which goals it makes of recorded ratios, and what it runs."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.benchmarks import short
from scripts.benchmarks.figures import Goal, Result
from scripts.benchmarks.form import Form
from scripts.benchmarks.options import Asked, Defaults, own_defaults
from scripts.benchmarks.rounds import BenchFailed
from scripts.benchmarks.short import DEFAULTS, PARTS, RECORDED, Part, add_options, against_recorded, run
from scripts.benchmarks.tools import Say
from tests.benchmarks.results import goal, make_result

KEY = "calls, ours to theirs: calls per second"


class FakePart:
    """A benchmark of two peers, whose gateway is 2.5 times as fast as the other."""

    NAME = "calls"
    HELP = "nothing"
    DEFAULTS = Defaults(rounds=7, seconds=9, peers=("tentaculo", "nginx"))

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add two options."""
        parser.add_argument("--streams", default=1000)
        parser.add_argument("--size", default=200)

    def run(self, asked: Asked, say: Say) -> Sequence[Result]:
        """Note what was asked for."""
        self.asked.append(asked)
        return [make_result([goal(at_least=2), goal("absent")])]


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakePart:
    """The only part, with nothing recorded."""
    part = FakePart()
    monkeypatch.setattr(short, "PARTS", (Part(part, {"streams": 300}),))
    monkeypatch.setattr(short, "RECORDED", tmp_path / "recorded.json")
    return part


def asked(*, record: bool) -> Asked:
    """Return what the command line asks for."""
    own = own_defaults(add_options)
    own.record = record
    return Asked(rounds=3, seconds=2, peers=DEFAULTS.peers, form=Form(sys.executable), own=own)


def test_a_part_is_asked_for_less(part: FakePart) -> None:
    """Rounds and seconds are the short form's, peers those that the part knows, options its own but some."""
    run(asked(record=True), print)
    (one,) = part.asked
    assert (one.rounds, one.seconds, one.peers) == (3, 2, ("tentaculo", "nginx"))
    assert one.own == argparse.Namespace(streams=300, size=200)


def test_recording(part: FakePart, tmp_path: Path) -> None:
    """Ratios that have a goal are written, and later runs are held against them."""
    assert all(verdict.met for result in run(asked(record=True), print) for verdict in result.verdicts())
    recorded = tmp_path / "recorded.json"
    assert json.loads(recorded.read_text()) == {KEY: 2.5}
    recorded.write_text(json.dumps({KEY: 5.1}))
    assert not all(verdict.met for result in run(asked(record=False), print) for verdict in result.verdicts())


def test_a_recorded_ratio_that_no_part_has(part: FakePart, tmp_path: Path) -> None:
    """A goal that was renamed is not taken for one that is met."""
    (tmp_path / "recorded.json").write_text(json.dumps({KEY: 2.5, "calls, of yore": 1}))
    with pytest.raises(BenchFailed, match="has 'calls, of yore', which is no goal"):
        run(asked(record=False), print)


@pytest.mark.usefixtures("part")
def test_nothing_recorded() -> None:
    """What to do is said before anything is measured."""
    with pytest.raises(BenchFailed, match="--record` writes it"):
        run(asked(record=False), print)


@pytest.mark.parametrize(
    ("wanted", "recorded", "met"),
    [
        (goal(at_least=9), 5.0, True),
        (goal(at_least=1), 5.1, False),
        (goal(at_most=0.1), 1.25, True),
        (goal(at_most=9), 1.24, False),
    ],
    ids=["half of it", "less than half", "twice of it", "more than twice"],
)
def test_only_gross_loss_fails(wanted: Goal, recorded: float, met: bool) -> None:
    """The recorded ratio counts and not the goal; the goal says only which way is better."""
    (verdict,) = against_recorded(make_result([wanted]), {KEY: recorded}).verdicts()
    assert verdict.met is met


def test_what_is_not_recorded_has_no_goal() -> None:
    """A peer that was left out when ratios were recorded is left out of the comparison."""
    result = make_result([goal(at_least=9), goal()])
    assert against_recorded(result, {}).verdicts() == ()
    assert len(against_recorded(result, {KEY: 1}).verdicts()) == 1


def test_what_is_recorded_must_be_measured() -> None:
    """A part that shows nothing fails."""
    result = dataclasses.replace(make_result([goal(at_least=9)]), measurements=())
    (verdict,) = against_recorded(result, {KEY: 1}).verdicts()
    assert not verdict.met


def test_the_recorded_ratios_are_those_of_the_parts() -> None:
    """Each is named as a part names it, so that none is overlooked."""
    recorded = json.loads(RECORDED.read_text())
    names = {part.benchmark.NAME for part in PARTS}
    assert {key.split(",")[0].split("-")[0] for key in recorded} == names
    assert all(ratio > 0 for ratio in recorded.values())


@pytest.mark.parametrize("part", PARTS, ids=[part.benchmark.NAME for part in PARTS])
def test_parts_have_the_options_that_are_set(part: Part) -> None:
    """A part that renames an option would otherwise be measured at its default."""
    assert vars(own_defaults(part.benchmark.add_options)).keys() >= part.own.keys()
    assert set(DEFAULTS.peers) & set(part.benchmark.DEFAULTS.peers) >= {"tentaculo", "nginx"}
