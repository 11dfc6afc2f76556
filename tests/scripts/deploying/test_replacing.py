"""Replacing services: all that are to be replaced are tried.

That nobody notices is seen on a stack.
"""

from __future__ import annotations

import pytest

from scripts.deploying.commands import Deadline, Interruption
from scripts.deploying.detour import Detour
from scripts.deploying.outcomes import StepFailed
from scripts.deploying.replacing import Change, Replacing
from scripts.deploying.report import Report
from scripts.deploying.verification import Verification
from tests.scripts.deploying.engine import Engine


def replacing(engine: Engine) -> Replacing:
    """What replaces the services of an engine's stack."""
    stack = engine.stack()
    report = Report("deployment", "vx11", None, lambda line: None)
    return Replacing(stack, Detour(stack), Verification(stack, Interruption()), report)


def changes(*services: str) -> dict[str, Change]:
    """New images for services."""
    return {name: Change(name, f"vx11/{name}:latest", "sha256:old", "sha256:new", "new") for name in services}


def test_one_that_fails(engine: Engine) -> None:
    """It keeps none of the others from being replaced, and is told."""
    engine.faults = ["up --detach --no-deps --no-build --force-recreate --timeout 15 hermes"]
    with pytest.raises(StepFailed, match="its fault"):
        replacing(engine).plainly(changes("hermes", "switch"), ["hermes", "switch"], Deadline(5))
    assert engine.told == [
        "tag sha256:new vx11/hermes:latest",
        "tag sha256:new vx11/switch:latest",
        "compose up --detach --no-deps --no-build --force-recreate --timeout 15 switch",
    ]


def test_one_that_is_gone(engine: Engine) -> None:
    """A container that does not come is a fault like others."""
    engine.containers = [one for one in engine.containers if one["Name"] != "/vx11_switch_1"]
    with pytest.raises(StepFailed, match="switch has no container"):
        replacing(engine).plainly(changes("switch"), ["switch"], Deadline(5))
