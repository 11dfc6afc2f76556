"""How a check ends: with a sentence that says what holds, or with one of these errors."""

from __future__ import annotations


class CheckFailed(Exception):
    """What was checked does not hold; the text says what, a line each."""


class CouldNotRun(Exception):
    """Whether it holds can't be told here; the text says why in one sentence."""


def hold(faults: list[str]) -> None:
    """Raise CheckFailed if there is a fault."""
    if faults:
        raise CheckFailed("\n".join(faults))
