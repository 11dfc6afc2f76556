"""VARS.env: whatever a value holds, sourcing it sets that and does nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts.forensics.redaction import Redactor
from scripts.forensics.variables import read_variables, shell_lines

VALUES = {
    "EMPTY": "",
    "PLAIN": "/data/vx11.db",
    "SPACES": "partly running",
    "COMMAND": "$(touch ran) `touch ran`; touch ran",
    "QUOTES": 'it\'s "so"',
    "LINES": "one\ntouch ran\n#",
}


def test_sourced(tmp_path: Path) -> None:
    """A shell reads back what was written."""
    (tmp_path / "VARS.env").write_text(shell_lines(VALUES, Redactor([])))
    shown = "".join(f'printf "%s\\0" "${name}"; ' for name in VALUES)
    done = subprocess.run(
        ["bash", "-euc", f". ./VARS.env; {shown}"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\0")[:-1] == list(VALUES.values())
    assert [path.name for path in tmp_path.iterdir()] == ["VARS.env"]


def test_secret() -> None:
    """It is taken out before it is quoted."""
    text = shell_lines({"ADDRESS": "redis://:it's-secret@redis"}, Redactor(["it's-secret"]))
    assert text.splitlines()[-1] == "ADDRESS='redis://:***@redis'"


def test_read(tmp_path: Path) -> None:
    """The script's list is separated by what no value holds."""
    (tmp_path / "found").write_bytes(b"A_1=x=y\nz\0B=\0")
    assert read_variables(tmp_path / "found") == {"A_1": "x=y\nz", "B": ""}


def test_wrong_name(tmp_path: Path) -> None:
    """What a shell would take for more than a name is refused."""
    (tmp_path / "found").write_bytes(b"A;touch ran=x\0")
    with pytest.raises(ValueError, match="no name of a variable"):
        read_variables(tmp_path / "found")
