"""Tests of reading what a process tree has used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.benchmarks.cpu import Stat, family, parse_stat, read_usage

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def stat_line(
    pid: int, name: str, *, parent: int = 1, times: tuple[int, ...] = (0, 0, 0, 0), pages: int = 0
) -> str:
    """Return a line as the kernel writes it, with fields that count set and marks in the others."""
    before = f"{pid} ({name}) S {parent} 77 77 0 -1 4194304 901 902 903 904"
    return f"{before} {' '.join(map(str, times))} 20 0 1 0 123456 99999999 {pages} 18446744073709551615 1 1\n"


@pytest.mark.parametrize("name", ["nginx", "two words", "a) R 9 9", "()", "1 (2) 3"], ids=repr)
def test_stat_survives_any_name(name: str) -> None:
    """The name in brackets may hold blanks and brackets, and the fields after it are still the right ones."""
    line = stat_line(42, name, parent=7, times=(100, 20, 3, 4), pages=250)
    assert parse_stat(line) == Stat(pid=42, parent=7, ticks=127, pages=250)


def test_family_is_the_root_and_all_below() -> None:
    """Children of children count, siblings and parents do not, in whatever order they are listed."""
    stats = [
        Stat(pid, parent, 0, 0) for pid, parent in [(30, 20), (10, 1), (20, 10), (21, 10), (11, 1), (40, 11)]
    ]
    assert {stat.pid for stat in family(stats, 10)} == {10, 20, 21, 30}


def test_usage_sums_the_tree(tmp_path: Path) -> None:
    """Times and memory of all members are added; other entries of the folder are passed over."""
    lines = [
        stat_line(10, "master", times=(1, 2, 30, 40), pages=100),
        stat_line(11, "worker", parent=10, times=(200, 100, 0, 0), pages=50),
        stat_line(12, "other", times=(999, 999, 999, 999), pages=999),
    ]
    for line in lines:
        folder = tmp_path / line.split()[0]
        folder.mkdir()
        (folder / "stat").write_text(line)
    (tmp_path / "self").mkdir()
    (tmp_path / "99").mkdir()  # ended between the listing and the reading
    usage = read_usage(10, tmp_path)
    assert usage.cpu_seconds == pytest.approx(373 / TICKS)
    assert usage.resident_bytes == 150 * PAGE


def test_usage_of_a_process_that_is_gone(tmp_path: Path) -> None:
    """A root that is not there is an error, not zero."""
    with pytest.raises(ProcessLookupError, match="10"):
        read_usage(10, tmp_path)


def test_usage_of_this_process() -> None:
    """The kernel's own files are understood: this process has memory, and work shows as time."""
    before = read_usage(os.getpid())
    while os.times().user + os.times().system < before.cpu_seconds + 0.05:
        sum(range(10_000))
    after = read_usage(os.getpid())
    assert after.cpu_seconds > before.cpu_seconds
    assert after.resident_bytes > 1 << 20
