"""`tentaculo serve --workers`: how many there are, and what they can not do; more is in tests/functional."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tentaculo.cli import main
from tests.config.files import config


@pytest.mark.parametrize("how", ["option", "environment"])
def test_number_of_workers(tmp_path: Path, how: str) -> None:
    """It is an option, else a variable; what several can't do is a problem of the file."""
    file = tmp_path / "tentaculo.yaml"
    file.write_text(config())
    option = ["--workers", "3"] if how == "option" else []
    environ = {"TENTACULO_WORKERS": "3"} if how == "environment" else {}
    result = CliRunner().invoke(main, ["serve", "--config", str(file), *option], env=environ)
    assert result.exit_code == 2
    assert "token_store: memory, the default, is for one worker, and 3 were asked for" in result.stderr
    assert result.stderr.endswith("\n1 problem\n")
