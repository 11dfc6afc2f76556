"""Tests of the verdict and its tables."""

from __future__ import annotations

from scripts.soaking.levels import Level, compare
from scripts.soaking.outcomes import Outcomes
from scripts.soaking.report import Result, as_text
from tests.fakes.clock import Clock

CALM = Level(100.0, 20, 9, 0)


def result(
    *, after: Level = CALM, failed: int = 0, reloads: int = 5, complaints: tuple[str, ...] = ()
) -> Result:
    """Return what a soak found."""
    outcomes = Outcomes(Clock())
    outcomes.succeeded("calls")
    for _ in range(failed):
        outcomes.fell_through("calls", 0.0, "500 instead of 200")
    return Result(compare(CALM, after), outcomes, reloads, complaints)


def test_level() -> None:
    """Nothing failed and nothing grew: the last word says so."""
    assert result().level
    assert as_text(result()).endswith("\nlevel")


def test_not_level() -> None:
    """A failure, growth, an error in the log, or a reload that never came: each is told."""
    grown = result(after=Level(200.0, 20, 9, 0))
    failed = result(failed=1)
    complained = result(complaints=('{"event":"config.failed"}',))
    for each in (grown, failed, complained, result(reloads=0)):
        assert not each.level
        assert as_text(each).endswith("\nNOT LEVEL")
    assert "not level" in as_text(grown).splitlines()[1]
    assert "failed: calls: 500 instead of 200" in as_text(failed)
    assert "config.failed" in as_text(complained)
