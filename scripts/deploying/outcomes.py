"""How a step ends: with a sentence that says what holds, or with one of these errors."""

from __future__ import annotations


class StepFailed(Exception):
    """What was to be done or to hold does not; the text says what, and holds no secret."""


class NotPossible(Exception):
    """It can't begin: what it needs is not there, or another one runs; the text says what to do."""


def reason_of(fault: Exception) -> str:
    """Return why something failed; of any other error only its name, for its text may hold anything."""
    return str(fault) if isinstance(fault, StepFailed | NotPossible) else type(fault).__name__


def hold(faults: list[str]) -> None:
    """Raise StepFailed if there is a fault."""
    if faults:
        raise StepFailed("\n".join(faults))
