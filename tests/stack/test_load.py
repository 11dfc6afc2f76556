"""The stack's own load, and what a real Prometheus says of it: errors, times to connect and issue, adoption.

VX11_LOAD_SECONDS is how long it lasts, a minute by default. A long one needs `-o faulthandler_timeout=0`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.fakes.redis_server import becomes
from tests.stack.stack import COMPOSE, MONITORING, SERVICES, Stack, run

SECONDS = int(os.environ.get("VX11_LOAD_SECONDS", "60"))
# Every service is restarted once in any case, which weighs more in a short run.
SHORTNESS = max(1.0, 1200 / SECONDS)
SCRAPED_EVERY = 5  # seconds

# What vx11 aims at, each with the expression that tells how it went.
TARGETS = {
    "share of calls that failed": (
        '(sum(increase(tentaculo_requests_total{{status_class="5xx"}}[{window}s])) or vector(0))'
        " / sum(increase(tentaculo_requests_total[{window}s]))",
        0.001 * SHORTNESS,
    ),
    "milliseconds to open a stream, 95 %": (
        "histogram_quantile(0.95, sum by (le) (increase(sse_connect_latency_ms_bucket[{window}s])))",
        500,
    ),
    "seconds to issue a token, 95 %": (
        "histogram_quantile(0.95, sum by (le) (increase(ephemeral_token_issue_seconds_bucket[{window}s])))",
        0.05,
    ),
    "share of streams not opened by an ephemeral token": (
        '1 - sum(increase(sse_streams_opened_total{{credential="ephemeral_token"}}[{window}s]))'
        ' / sum(increase(sse_streams_opened_total{{credential!="upstream"}}[{window}s]))',
        0.2,
    ),
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Run the seven services and a Prometheus as compose.monitoring.yaml has it."""
    with Stack(f"vx11-load-{os.getpid()}", COMPOSE, MONITORING) as stack:
        yield stack


def _load(stack: Stack) -> dict[str, Any]:
    options = {
        "base-url": stack.base_url,
        "seconds": SECONDS,
        "panels": 20,
        "commands": 20,
        "renew-every": 20,
        "restart-every": max(3, SECONDS // len(SERVICES) - 5),  # from the end of the one before
        "restart": "scripts/stack restart {service}",
        "services": ",".join(SERVICES),
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "examples.vx11.load", *arguments]
    told = run(command, {**stack.environ, "VX11_TOKEN": stack.token}, seconds=SECONDS + 300)
    report: dict[str, Any] = json.loads(told)
    return report


async def _is_scraped(stack: Stack) -> bool:
    try:
        return bool(await stack.query("up == 1"))
    except OSError:  # Prometheus does not listen yet
        return False


async def test_load(stack: Stack) -> None:
    """Every service is restarted under panels and commands: nothing is lost, and the targets are met."""
    await becomes(partial(_is_scraped, stack), 30)
    report = await asyncio.to_thread(_load, stack)
    print(json.dumps(report, indent=2))  # noqa: T201 - figures that people ask for
    assert {restart["service"] for restart in report["restarts"]} == set(SERVICES)
    assert (report["lost"], report["repeated"]) == (0, 0)
    window = round(report["seconds"]) + 2 * SCRAPED_EVERY
    for name, (expression, most) in TARGETS.items():
        (found,) = await stack.query(expression.format(window=window))
        value = float(found["value"][1])
        print(f"{name}: {value:.6g}, at most {most}")  # noqa: T201
        assert value < most, name
