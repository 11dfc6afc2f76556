"""A baseline's folder, made of what the script collected."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from scripts.forensics.__main__ import main

TOKEN = "principal-of-the-test"


@pytest.fixture
def collected(tmp_path: Path) -> Path:
    """What a script would have collected."""
    folder = tmp_path / "collected"
    (folder / "items" / "logs").mkdir(parents=True)
    (folder / "secrets").mkdir()
    (folder / "items" / "logs" / "a.log").write_text(f"with {TOKEN}\n")
    (folder / "items.tsv").write_text(
        "logs/a.log\tlog\tthere\tLog tail of a\t\nstack\ttext\tnot there\tStack\tnot running\n"
    )
    (folder / "variables").write_bytes(f"WHERE=at {TOKEN}\0".encode())
    return folder


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "baseline"
    folder.mkdir()
    return folder


def test_baseline(collected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files, index and manifest agree; no file holds what is known."""
    folder = _folder(tmp_path)
    assert main([str(collected), str(folder)], {"VX11_TOKEN": TOKEN}) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["ok  Log tail of a", "--  Stack: not running"]
    assert lines[-1] == "Everything is there that can be."
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {"INDEX.md", "MANIFEST.json", "VARS.env", "logs/a.log"}
    assert not any(TOKEN in (folder / name).read_text() for name in files)
    listed = {item["name"]: item for item in json.loads((folder / "MANIFEST.json").read_text())}
    assert list(listed) == ["logs/a.log", "stack", "VARS.env", "redaction"]
    for name in ("logs/a.log", "VARS.env"):
        assert listed[name]["sha256"] == hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert f"`{name}`" in (folder / "INDEX.md").read_text()
    assert listed["redaction"]["note"].startswith("1 known by value")


def test_failure(collected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One item that failed fails the whole, and the rest is there all the same."""
    with (collected / "items.tsv").open("a") as listed:
        listed.write("compose.yaml\tyaml\tfailed\tRendered compose\tno such file\n")
    folder = _folder(tmp_path)
    assert main([str(collected), str(folder)], {}) == 1
    shown = capsys.readouterr().out
    assert "NO  Rendered compose: no such file\n" in shown
    assert shown.endswith("This is no whole baseline: Rendered compose.\n")
    assert (folder / "logs" / "a.log").is_file()
