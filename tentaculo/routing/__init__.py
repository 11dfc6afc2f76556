"""The route table: which route a request matches, why, and which routes stand in each other's way.

Pure rules over text; it knows no settings, no access and no upstream.
"""

from __future__ import annotations

from tentaculo.routing.conflicts import find_conflicts
from tentaculo.routing.explanation import Explanation
from tentaculo.routing.pattern import Pattern, find_fault
from tentaculo.routing.table import RouteTable

__all__ = ["Explanation", "Pattern", "RouteTable", "find_conflicts", "find_fault"]
