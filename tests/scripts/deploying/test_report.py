"""Reports: a line a step, and two files that are whole after every step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.deploying.outcomes import StepFailed
from scripts.deploying.report import Report


class Scene:
    """A report in a folder, on a clock that stands still."""

    def __init__(self, folder: Path | None) -> None:
        self.now = 100.0
        self.said: list[str] = []
        self.report = Report("deployment", "vx11", folder, self.said.append, lambda: self.now)


def test_steps(tmp_path: Path) -> None:
    """A step has its time, its result and what it said."""
    scene = Scene(tmp_path)
    with scene.report.step("build") as step:
        scene.now += 2.5
        step.said = "two\nimages"
    assert scene.said == ["ok    2.5 s  build: two\n              images"]
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["steps"] == [{"name": "build", "seconds": 2.5, "result": "ok", "said": "two\nimages"}]
    assert (told["result"], told["seconds"]) == ("running", 2.5)
    assert "| build | 2.5 s | ok | two<br>images |" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param(StepFailed("no | way"), "no | way", id="known"),
        pytest.param(
            KeyError("https://user:secret@host"), "KeyError", id="not known, so its text is not told"
        ),
    ],
)
def test_failure(fault: Exception, said: str, tmp_path: Path) -> None:
    """A step that fails is told, and the fault goes on."""
    scene = Scene(tmp_path)
    with pytest.raises(type(fault)), scene.report.step("it"):
        raise fault
    assert scene.said == [f"NO    0.0 s  it: {said}"]
    assert f"| NO | {said.replace('|', chr(92) + '|')} |" in (tmp_path / "report.md").read_text()


def test_facts_and_end(tmp_path: Path) -> None:
    """Facts stand below the steps; the end says where the report is."""
    scene = Scene(tmp_path)
    scene.report.note(images_before={"madre": "sha256:1"}, leftovers=["a rule"], failed="why")
    scene.now += 61
    scene.report.end("Deployed")
    page = (tmp_path / "report.md").read_text()
    assert "took 61.0 s. **Deployed**" in page
    assert "## Images before\n\n- `madre`: sha256:1\n" in page
    assert "## Leftovers\n\n- a rule\n" in page
    assert "## Failed\n\nwhy\n" in page
    assert scene.said == ["Deployed, after 61.0 s", f"report: {tmp_path / 'report.md'}"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["report.json", "report.md"]


def test_full_disk(tmp_path: Path) -> None:
    """A report that can't be written is said once, and stops nothing."""
    scene = Scene(tmp_path)
    (tmp_path / ".report.json").mkdir()
    for name in ("one", "two"):
        with scene.report.step(name):
            pass
    assert scene.said == [
        "ok    0.0 s  one",
        "the report can't be written: Is a directory",
        "ok    0.0 s  two",
    ]


def test_no_folder() -> None:
    """Without a folder it only says."""
    scene = Scene(None)
    with scene.report.step("it"):
        pass
    scene.report.end("Fine")
    assert scene.said == ["ok    0.0 s  it", "Fine, after 0.0 s"]
