"""Redis is killed, hangs, gets another password or is full: the page on the token store brings it back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.stack.monitored import MonitoredStack
from tests.stack.runbook_callers import Caller, calling
from tests.stack.runbooks import runbook
from tests.stack.stack import run

PAGE = runbook("token-store-down")
REDIS = 'export REDISCLI_AUTH="$(cat /run/secrets/redis/password)"; '
FILL = 'for n in $(seq 20); do redis-cli eval "for i = 1, 10 do %s end" 0; done'
JUNK = "redis.call('set', 'junk:$n:' .. i, string.rep('x', 1000000))"


def engine(stack: MonitoredStack, *arguments: str) -> None:
    """Tell the engine something of Redis' container."""
    run(["docker", *arguments, stack.container("redis")], stack.environ)


def kill(stack: MonitoredStack) -> None:
    """End it at once; nothing starts it again."""
    engine(stack, "kill")


def pause(stack: MonitoredStack) -> None:
    """Let it hang, its connections open."""
    engine(stack, "pause")


def hang(stack: MonitoredStack) -> None:
    """Let the server answer nobody, in a container that runs."""
    stack.run("exec", "-T", "redis", "sh", "-c", REDIS + "redis-cli client pause 600000 all")


def change_password(stack: MonitoredStack) -> None:
    """Give it a new password without a word to anyone."""
    stack.run("exec", "-T", "redis", "new-secret", "redis")
    stack.run("restart", "redis")


FAULTS: dict[Callable[[MonitoredStack], None], str] = {
    kill: "Exit",
    pause: "Paused",
    hang: "Redis does not answer",
    change_password: '"keys":["token_store"]',
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.__name__))
async def test_redis(fault: Callable[[MonitoredStack], None], monitored: MonitoredStack) -> None:
    """Tokens are issued and open streams again, and the page's check said what is wrong."""
    async with calling(monitored, Caller.issue) as caller:
        fault(monitored)
        told = await monitored.follow(PAGE)
        assert FAULTS[fault] in told
        await caller.comes_to(200, Caller.stream)
    await monitored.roll_back(PAGE)


async def test_full(monitored: MonitoredStack) -> None:
    """Commands are taken again when Redis has more room, and go on when it is given back."""
    async with calling(monitored, Caller.command) as caller:
        monitored.run("exec", "-T", "redis", "sh", "-c", REDIS + FILL % JUNK)
        bad = runbook("stream-connection-failures")
        await monitored.turns_bad(bad)
        await caller.comes_to(503, Caller.command)
        await monitored.section(PAGE, "Check")
        assert "junk" in await monitored.section(PAGE, "Act")
        await monitored.turns_good(bad)
        await monitored.section(PAGE, "Verify")
        monitored.run("exec", "-T", "redis", "sh", "-c", REDIS + FILL % "redis.call('del', 'junk:$n:' .. i)")
        await monitored.roll_back(PAGE)
        await caller.comes_to(202, Caller.command)
