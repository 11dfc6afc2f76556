"""The way back, where things go wrong on it, and what keeps one from beginning.

Deployments that succeed are made on a stack.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.deploying import snapshot
from scripts.deploying.commands import Interruption
from scripts.deploying.deployment import Deployment, Wanted
from scripts.deploying.outcomes import NotPossible
from scripts.deploying.report import Report
from scripts.deploying.stack import LABEL
from tests.scripts.deploying.engine import Engine, container


class Scene:
    """A deployment of an engine's stack, and what its report says."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.before = snapshot.describe(engine.stack(), "20260101T000000Z")
        engine.images |= {image: image for image in self.before.ids.values()}
        self._folder = folder
        self._engine = engine

    def deployment(self) -> Deployment:
        """One of the stack as it is now."""
        report = Report("rollback", "vx11", self._folder, lambda line: None)
        return Deployment(self._engine.stack(), report, Interruption())

    @property
    def result(self) -> str:
        """The result that the report tells."""
        result: str = json.loads((self._folder / "report.json").read_text())["result"]
        return result


@pytest.fixture
def scene(engine: Engine, tmp_path: Path) -> Scene:
    """A stack that is well, and its snapshot."""
    return Scene(engine, tmp_path)


@pytest.mark.parametrize("fault", ["tag sha256:madre", "exec --interactive", "ps --all --quiet"])
def test_rollback_that_fails(fault: str, scene: Scene, engine: Engine) -> None:
    """Whatever keeps it from its end, the report says that it has failed, or was never begun."""
    engine.faults = [fault]
    assert scene.deployment().roll_back(scene.before) == 1
    assert scene.result.startswith(("ROLLBACK FAILED", "Not begun"))


def test_engine_that_tells_nonsense(scene: Scene, engine: Engine) -> None:
    """Nor does an error that nobody thought of leave a report that seems to run on."""
    del engine.containers[0]["State"]["Running"]
    assert scene.deployment().roll_back(scene.before) == 1
    assert scene.result == "Not begun: KeyError"


def test_other_names(scene: Scene) -> None:
    """A snapshot of another environment is not gone back to."""
    before = replace(scene.before, names={**scene.before.names, "madre": "vx11/madre:1.2"})
    assert scene.deployment().roll_back(before) == 2
    assert scene.result.startswith("Not begun: at the snapshot compose had other names")


def test_other_names_run(scene: Scene, engine: Engine) -> None:
    """What runs may be called as it likes: it is what one wants to go back from."""
    engine.containers[0]["Config"]["Image"] = "vx11/hermes:broken"
    scene.deployment().roll_back(scene.before)
    assert not scene.result.startswith("Not begun")


def test_detour_out_of_sight(scene: Scene, engine: Engine) -> None:
    """Who can't see the rules of a detour that was left removes nothing of it: all may come through it."""
    engine.containers.append(container("tentaculo_link", **{LABEL: "new"}))
    with pytest.raises(NotPossible, match="has left its detour, which can't be seen here: "):
        scene.deployment().preflight()
    assert scene.deployment().roll_back(scene.before) == 2
    assert scene.deployment().deploy(Wanted("new", with_redis=False), scene.before) == 2
    assert engine.told == []


def test_nothing_is_begun(scene: Scene, engine: Engine) -> None:
    """An error that nobody thought of before the first change is told, and ends the report."""
    del engine.containers[0]["State"]["Running"]
    assert scene.deployment().deploy(Wanted("new", with_redis=False), scene.before) == 1
    assert scene.result == "Not begun: KeyError"
