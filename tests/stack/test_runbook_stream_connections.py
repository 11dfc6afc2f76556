"""Services are killed, hang, or stall: the page on streams that don't connect brings them back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import pytest

from tests.stack.monitored import MonitoredStack
from tests.stack.runbook_callers import Caller, calling
from tests.stack.runbooks import runbook
from tests.stack.stack import run

PAGE = runbook("stream-connection-failures")
STALLED_SECONDS, RUNNING_SECONDS = 0.7, 0.1
Fault = Callable[[MonitoredStack], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def both_killed(stack: MonitoredStack) -> AsyncIterator[None]:
    """Lose the operator and the gateway itself."""
    run(
        ["docker", "kill", stack.container("operator-backend"), stack.container("tentaculo_link")],
        stack.environ,
    )
    yield


@asynccontextmanager
async def hung(stack: MonitoredStack) -> AsyncIterator[None]:
    """Let hermes hang, its connections open."""
    run(_signal("STOP", stack.container("hermes")), stack.environ)
    yield


@asynccontextmanager
async def stalling(stack: MonitoredStack) -> AsyncIterator[None]:
    """Let hermes do nothing most of the time, until it is started anew."""
    stutter = asyncio.create_task(_stutter(stack, stack.container("hermes")))
    try:
        yield
    except BaseException:
        stutter.cancel()
        raise
    await stutter


async def _stutter(stack: MonitoredStack, container: str) -> None:
    started = await _started_at(stack, container)
    while await _started_at(stack, container) == started:
        for signal, seconds in (("STOP", STALLED_SECONDS), ("CONT", RUNNING_SECONDS)):
            with suppress(AssertionError):  # it is between two starts
                await asyncio.to_thread(run, _signal(signal, container), stack.environ)
            await asyncio.sleep(seconds)


async def _started_at(stack: MonitoredStack, container: str) -> str:
    command = ["docker", "inspect", "--format", "{{.State.StartedAt}}", container]
    return await asyncio.to_thread(run, command, stack.environ)


def _signal(name: str, container: str) -> list[str]:
    """Return the command that signals all in a container but its first process, which would keep it."""
    return ["docker", "exec", container, "sh", "-c", f"kill -{name} -1"]


@pytest.mark.parametrize(
    ("fault", "found"),
    [(both_killed, "GatewayDown"), (hung, 'upstream="hermes"'), (stalling, "StreamConnectSlow")],
    ids=["killed", "hung", "slow"],
)
async def test_services(fault: Fault, found: str, monitored: MonitoredStack) -> None:
    """The page says what it is, and streams open again, at once."""
    async with calling(monitored, Caller.stream, every=0.1) as caller:
        async with fault(monitored):
            assert found in await monitored.follow(PAGE)
        await caller.comes_to(200, Caller.stream)
    await monitored.roll_back(PAGE)
