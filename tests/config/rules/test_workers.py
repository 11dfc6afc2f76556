"""What several worker processes can't do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tentaculo.config.loader import load
from tentaculo.config.problems import ConfigError
from tests.config.files import config

SAID = "is for one worker, and 3 were asked for: name a Redis that they share, such as redis://localhost:6379"
STORES = {
    "default": ("", f":1:1: token_store: memory, the default, {SAID}"),
    "memory": ("token_store: memory\n", f":7:14: token_store: memory {SAID}"),
    "long": ("token_store: {max_tokens: 5}\n", f":7:14: token_store: memory, the default, {SAID}"),
    "long memory": ("token_store: {url: memory}\n", f":7:14: token_store: memory {SAID}"),
}


def problems(file: Path, top: str, workers: int) -> list[str]:
    """Load a file for so many workers; its problems without the file's name."""
    file.write_text(config(top=top))
    try:
        load(file, {}, workers=workers)
    except ConfigError as fault:
        return [str(problem).removeprefix(str(file)) for problem in fault.problems]
    return []


@pytest.mark.parametrize(("top", "problem"), STORES.values(), ids=STORES)
def test_memory(tmp_path: Path, top: str, problem: str) -> None:
    """Each would keep tokens of its own; one alone may."""
    file = tmp_path / "tentaculo.yaml"
    assert problems(file, top, 3) == [problem]
    assert problems(file, top, 1) == []


@pytest.mark.parametrize(
    "top", ["token_store: redis://localhost\n", "token_store: {url: redis://localhost}\n"]
)
def test_redis(tmp_path: Path, top: str) -> None:
    """It is what they share."""
    assert problems(tmp_path / "tentaculo.yaml", top, 3) == []


def test_unclear_store(tmp_path: Path) -> None:
    """Nothing more is said of one that can't be read."""
    (problem,) = problems(tmp_path / "tentaculo.yaml", "token_store: what\n", 3)
    assert "must be memory, or a URL" in problem
