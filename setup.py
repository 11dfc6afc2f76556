"""Builds the package; all that is said of it is in setup.cfg.

With TENTACULO_COMPILE=1 the modules that every call passes through are compiled to C by mypyc,
from the same sources and types. Without it nothing but Python is needed, and everything works
the same, slower.
"""

from __future__ import annotations

import os
from typing import cast

from setuptools import Extension, setup

COMPILED = (
    "wire/authority",
    "wire/chunks",
    "wire/decoded",
    "wire/event_blocks",
    "wire/events",
    "wire/extents",
    "wire/forwarded",
    "wire/headers",
    "wire/occurrences",
    "wire/sanitize",
    "wire/target",
    "routing/table",
    "telemetry/logs",
    "telemetry/metrics",
    "telemetry/sanitizing",
    "telemetry/tallies",
    "telemetry/upstream_metrics",
    "access/guard",
    "access/principals",
    "access/rate_limits",
    "access/standings",
    "upstream/balancing",
    "upstream/breaker",
    "upstream/connection",
    "upstream/deadlines",
    "upstream/gathering",
    "upstream/outbox",
    "upstream/plain_head",
    "upstream/pool",
    "upstream/reply",
    "upstream/reply_parser",
    "upstream/retry_budget",
    "upstream/server",
    "upstream/upstream",
    "relay/admission",
    "relay/answer",
    "relay/answering",
    "relay/attempts",
    "relay/delivery",
    "relay/event_log",
    "relay/exchange",
    "relay/heads",
    "relay/open_stream",
    "relay/own_replies",
    "relay/plan",
    "relay/problem",
    "relay/record",
    "relay/relay",
    "relay/reply_head",
    "relay/request",
    "relay/request_head",
    "relay/shared_stream",
    "relay/streaming",
    "relay/streams",
    "relay/subscription",
    "relay/upload",
)


def extensions() -> list[Extension]:
    """Return the compiled modules, none unless they are asked for."""
    if os.environ.get("TENTACULO_COMPILE") != "1":
        return []
    from mypyc.build import mypycify  # noqa: PLC0415 - not there where nothing is compiled

    sources = [f"tentaculo/{module}.py" for module in COMPILED]
    # It may return distutils' own kind, but not where setuptools was imported first, as here.
    return cast("list[Extension]", mypycify(sources, opt_level="3", group_name="tentaculo"))


setup(ext_modules=extensions())
