"""The engine that these tests ask."""

from __future__ import annotations

from tests.scripts.deploying.engine import engine

__all__ = ["engine"]
