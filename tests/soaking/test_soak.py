"""Tests of whole soaks, as short as they can be, and of the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.soaking.__main__ import main

PROJECT = Path(__file__).parents[2]


@pytest.mark.slow
def test_short_soak() -> None:
    """A few seconds of everything: all kinds of load went well, the file was reloaded, nothing was cut."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.soaking", "0.12"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    rows = {line[:32].strip(): line[32:].split() for line in done.stdout.splitlines()}
    for kind in ("calls", "relayed streams", "shared streams", "token rounds"):
        assert int(rows[kind][0]) > 0, done.stdout + done.stderr
        assert rows[kind][2] == "0", done.stdout
    assert rows["open connections and streams"][:2] == ["0", "0"], done.stdout
    assert "reloads: 0" not in done.stdout
    assert done.returncode in (0, 1)  # how much memory it takes to warm up is for longer soaks to say


@pytest.mark.parametrize("given", ["0", "-1", "nan", "x", "99999"])
def test_minutes(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no number of minutes is refused."""
    with pytest.raises(SystemExit) as ended:
        main([given])
    assert ended.value.code == 2
    assert "minutes" in capsys.readouterr().err.lower()
