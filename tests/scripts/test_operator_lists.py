"""The lists of metrics and error codes are those of the code."""

from __future__ import annotations

import pytest

from scripts.operator_lists import PAGE, error_rows, filled, metric_rows
from tentaculo.errors import BadTarget, GatewayError, InternalError


def test_page_is_fresh() -> None:
    """The page has the lists as the code has them."""
    text = PAGE.read_text(encoding="utf-8")
    assert filled(text) == text, "run: scripts/docs --pages"


def test_metrics_have_the_names_of_prometheus() -> None:
    """Counters end in _total, and labels are told of what has not been counted yet too."""
    rows = "\n".join(metric_rows())
    assert "| `tentaculo_requests_total` | counter | `method`, `route`, `status_class` |" in rows
    assert "| `tentaculo_token_store_seconds` | histogram | `step` |" in rows
    assert "| `tentaculo_build_info` | info | `version` |" in rows


def test_errors_are_all_there_is() -> None:
    """Every error has its row, with status, code and its first sentence."""
    rows = list(error_rows())[2:]
    assert len(rows) == len(GatewayError.__subclasses__())
    assert f"| 400 | `bad_target` | {BadTarget.__doc__} |" in rows
    assert f"| 500 | `internal_error` | {InternalError.__doc__} |" in rows


def test_page_without_a_place_is_a_fault() -> None:
    """Lists are not left out for want of a place."""
    with pytest.raises(ValueError, match="has no place for its metrics"):
        filled("# Quick reference\n")
