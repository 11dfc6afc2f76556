"""Tentáculo, a gateway that keeps tokens out of URLs and passes event streams through."""

from __future__ import annotations

__version__ = "0.1.0"
