"""What runs, and what the last deployments came to."""

from __future__ import annotations

import json
from pathlib import Path

from scripts.deploying.stack import LABEL
from scripts.deploying.status import SHOWN, lines
from tests.scripts.deploying.engine import Engine, container


def test_status(engine: Engine, tmp_path: Path) -> None:
    """Each service with its health and image, what was left beside it, and the newest reports."""
    engine.containers[-1] = container("frontend", **{LABEL: "new"})
    engine.images["vx11/madre:latest"] = "sha256:another"
    for number in range(SHOWN + 1):
        folder = tmp_path / f"2026010{number}"
        folder.mkdir()
        told = {
            "project": "vx11",
            "began": folder.name,
            "kind": "deployment",
            "result": "Deployed",
            "seconds": 60,
        }
        (folder / "report.json").write_text(json.dumps(told))
    said = list(lines(engine.stack(), tmp_path))
    assert said[0] == "stack vx11"
    assert "  hermes            healthy    hermes vx11/hermes:latest" in said
    assert "  madre             healthy    madre vx11/madre:latest; the name means another image now" in said
    assert "  redis             gone" in said
    assert "  beside it: vx11_frontend_1, healthy" in said
    reports = said[said.index("last deployments") + 1 :]
    assert [line.split()[0] for line in reports] == [f"2026010{number}" for number in range(SHOWN, 0, -1)]


def test_no_report(engine: Engine, tmp_path: Path) -> None:
    """Before the first deployment there is none."""
    assert list(lines(engine.stack(), tmp_path))[-1] == "no deployment has a report"
