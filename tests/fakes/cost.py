"""What an action costs, counted in calls: the same on every machine, whatever else it does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def calls_made(action: Callable[[], object]) -> int:
    """Count the calls, of C functions too, that an action makes."""
    count = 0

    def note(_frame: object, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(before)
    return count
