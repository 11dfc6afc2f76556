"""Snapshots: found by project, and without what may be secret."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from scripts.deploying.outcomes import NotPossible
from scripts.deploying.snapshot import FILE, Snapshot, latest, masked, read


def keep(folder: Path, project: str) -> Snapshot:
    """Keep a snapshot of a project."""
    folder.mkdir()
    snapshot = Snapshot(project, folder.name, "abc", {}, {"madre": "sha256:1"}, {}, {})
    (folder / FILE).write_text(json.dumps(asdict(snapshot)))
    return snapshot


def test_reading(tmp_path: Path) -> None:
    """What was kept is read again."""
    snapshot = keep(tmp_path / "one", "vx11")
    assert read(tmp_path / "one") == snapshot


@pytest.mark.parametrize("text", [None, "", "[]", '{"project": "vx11"}'])
def test_none(text: str | None, tmp_path: Path) -> None:
    """A folder without one, or with half of one, is told."""
    if text is not None:
        (tmp_path / FILE).write_text(text)
    with pytest.raises(NotPossible, match="holds no snapshot"):
        read(tmp_path)


def test_latest(tmp_path: Path) -> None:
    """The newest of the project counts, whatever others there are."""
    for name, project in (("20260101", "vx11"), ("20260102", "vx11"), ("20260103", "other")):
        keep(tmp_path / name, project)
    (tmp_path / "20260104").mkdir()
    assert latest(tmp_path, "vx11") == tmp_path / "20260102"
    with pytest.raises(NotPossible, match="no snapshot of third"):
        latest(tmp_path, "third")


def test_masking() -> None:
    """Values whose names tell of a secret are masked, and users in URLs; the names of files are not."""
    told = {
        "environment": {"VX11_TOKEN": "secret-1", "VX11_TOKEN_FILE": "/run/token", "PORT": 8001},
        "args": [
            *("redis://user:secret-2@redis:6379/0", "http://madre:8001", "--password", "secret-4"),
            "A_PASSPHRASE=secret-5",
        ],
        "redis_password": "secret-3",
    }
    assert "secret-" not in masked(told)
    shown = yaml.safe_load(masked(told))
    assert shown["environment"] == {"VX11_TOKEN": "***", "VX11_TOKEN_FILE": "/run/token", "PORT": 8001}
    assert shown["args"][1:] == ["http://madre:8001", "--password", "***", "A_PASSPHRASE=***"]
