"""Tests of what benchmarks are asked for."""

from __future__ import annotations

import argparse

import pytest

from scripts.benchmarks.options import own_defaults, positive, some_of


def test_own_defaults() -> None:
    """Where the user says nothing, each option of a benchmark's own has its default."""

    def add_options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--connections", type=positive, default=64)

    assert own_defaults(add_options) == argparse.Namespace(connections=64)


def test_some_of() -> None:
    """Names are taken in the order asked for, each once."""
    assert some_of(("a", "b", "c"))("c,a,c") == ("c", "a")


@pytest.mark.parametrize(
    ("text", "said"),
    [("a,x", "'x' is none of a, b"), ("", "'' is none of a, b")],
    ids=["unknown", "empty"],
)
def test_a_name_that_is_none(text: str, said: str) -> None:
    """It is named, with those that are."""
    with pytest.raises(argparse.ArgumentTypeError, match=said):
        some_of(("a", "b"))(text)


@pytest.mark.parametrize(("text", "error"), [("0", argparse.ArgumentTypeError), ("x", ValueError)])
def test_what_counts_nothing(text: str, error: type[Exception]) -> None:
    """What is counted is at least one."""
    assert positive("1") == 1
    with pytest.raises(error):
        positive(text)
