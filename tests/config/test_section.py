"""The base of all sections."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tentaculo.config.section import Section, given


class _Short(Section):
    short = "a"

    a: str | None = None
    b: str | None = None


class _Long(Section):
    a: str | None = None


def test_scalar_stands_for_the_short_key() -> None:
    """A section with a short form takes a scalar, one without does not."""
    assert _Short.model_validate("x") == _Short(a="x")
    with pytest.raises(ValidationError, match="must be a mapping of keys to values"):
        _Long.model_validate("x")


def test_nothing_is_an_empty_section() -> None:
    """A key whose children are all commented out counts as an empty mapping."""
    assert _Long.model_validate(None) == _Long()


@pytest.mark.parametrize("value", [[], ["x"], 5])
def test_other_values_are_no_section(value: object) -> None:
    """A list is no mapping."""
    with pytest.raises(ValidationError, match="must be a mapping of keys to values"):
        _Short.model_validate(value)


def test_given_keys_have_a_value() -> None:
    """Keys that were left out are not given, and a section that was left out gives none."""
    assert given(_Short(b="x")) == {"b": "x"}
    assert given(None) == {}


def test_faults_hide_their_input() -> None:
    """Not even pydantic's own text shows a value."""
    with pytest.raises(ValidationError) as caught:
        _Long.model_validate({"a": ["hunter2"]})
    assert "hunter2" not in str(caught.value)
