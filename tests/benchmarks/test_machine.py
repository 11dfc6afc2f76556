"""Tests of cores and ports."""

from __future__ import annotations

import itertools
import socket
from pathlib import Path

import pytest

from scripts.benchmarks.machine import Cores, describe, free_ports, is_free, pin, share_cores


@pytest.mark.parametrize(
    ("available", "expected"),
    [
        ((0,), Cores()),
        ((0, 1), Cores()),
        ((0, 1, 2), Cores(peer=(2,), backend=(1,), load=(0,))),
        ((0, 1, 2, 3), Cores(peer=(3,), backend=(2,), load=(0, 1))),
        ((4, 5, 6, 7, 8, 9), Cores(peer=(9,), backend=(8,), load=(6, 7))),
    ],
    ids=["one", "two", "three", "four", "six"],
)
def test_cores_are_shared(available: tuple[int, ...], expected: Cores) -> None:
    """Each part has cores of its own where there are enough, and none is bound where there are not."""
    assert share_cores(available) == expected


def test_pin() -> None:
    """No cores, no words; some cores, one list of them."""
    assert pin(()) == []
    assert pin((0, 2)) == ["taskset", "--cpu-list", "0,2"]


def test_free_ports() -> None:
    """Ports differ, and none of them is taken."""
    ports = list(itertools.islice(free_ports(), 20))
    assert len(set(ports)) == 20
    assert all(map(is_free, ports))


def test_a_port_in_use_is_not_free() -> None:
    """A port that someone listens on is not given away."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not is_free(server.getsockname()[1])


@pytest.mark.parametrize(
    ("text", "start"),
    [("processor\t: 0\nmodel name\t: Fast CPU\n\nmodel name\t: Fast CPU\n", "Fast CPU, "), ("", "")],
    ids=["named", "nameless"],
)
def test_describe(tmp_path: Path, text: str, start: str) -> None:
    """The model, where the system tells it, and the number of cores are said."""
    (tmp_path / "cpuinfo").write_text(text)
    said = describe(tmp_path / "cpuinfo")
    assert said.startswith(start)
    assert " cores, " in said
