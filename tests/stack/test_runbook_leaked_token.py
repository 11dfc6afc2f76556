"""The runbook of leaked secrets, followed while a stranger has streams open and tries others' tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.gates import soon
from tests.stack.monitored import MonitoredStack
from tests.stack.runbooks import Runbook, runbook
from tests.stack.token_users import DELEGATED, GATEWAY, TokenUser, is_answered, repeated

STREAMS = ("tentaculo_link", "tentaculo", "streams")
SECRETS = ("principal/token", "redis/password", "admin/token")


@pytest.fixture
def page(tmp_path: Path) -> Runbook:
    """The page for a reader whose home is a folder of the test's."""
    page = runbook("leaked-or-abused-token")
    own = {
        title: tuple(commands.replace("~/", f"{tmp_path}/") for commands in blocks)
        for title, blocks in page.blocks.items()
    }
    return replace(page, blocks=own)


class Thief:
    """Somebody with the principal token: it opened streams in each way, directly and by ephemeral tokens."""

    def __init__(self, stack: MonitoredStack, users: AsyncExitStack) -> None:
        self._stack = stack
        self._users = users
        self.streams: list[asyncio.Task[None]] = []

    async def comes(self) -> None:
        """Open the streams."""
        for way in (GATEWAY, DELEGATED):
            for by_token in (False, True):
                user = await self._users.enter_async_context(self._user(way))
                token = await user.token() if by_token else None
                opened = asyncio.Event()
                self.streams.append(asyncio.create_task(user.holds(opened, token)))
                await soon(opened.wait())

    async def is_refused(self) -> bool:
        """Whether nothing is granted any more, in neither way."""
        statuses = [await (await self._users.enter_async_context(self._user())).status()]
        for way in (GATEWAY, DELEGATED):
            user = await self._users.enter_async_context(self._user(way))
            statuses += [await user.asks(), await user.opens()]
        return set(statuses) == {401}

    def _user(self, way: tuple[str, str] = GATEWAY) -> TokenUser:
        return TokenUser(self._stack, self._stack.token, way=way)


@pytest.fixture
async def thief(monitored: MonitoredStack) -> AsyncIterator[Thief]:
    """Their streams are open."""
    async with AsyncExitStack() as users:
        thief = Thief(monitored, users)
        await thief.comes()
        yield thief


def secrets_of(stack: MonitoredStack) -> list[str]:
    """Return all secrets of the stack."""
    return [stack.run("exec", "-T", "redis", "cat", f"/run/secrets/{name}").strip() for name in SECRETS]


def refuse_old_secrets(stack: MonitoredStack, password: str, admin_token: str) -> None:
    """See Redis and the admin listener take the new secret and not the old one."""
    said = stack.run("exec", "-T", "-e", f"REDISCLI_AUTH={password}", "redis", "redis-cli", "ping")
    assert "WRONGPASS" in said or "NOAUTH" in said
    stack.run("exec", "-T", *STREAMS, "--admin-token-file", "/run/secrets/admin/token")
    with pytest.raises(AssertionError, match="refuses the admin token"):
        stack.run("exec", "-T", "-e", f"TENTACULO_ADMIN_TOKEN={admin_token}", *STREAMS)


async def test_secrets_that_leaked(
    monitored: MonitoredStack, page: Runbook, thief: Thief, tmp_path: Path
) -> None:
    """What a thief has open ends, none of the old secrets is good for anything, and the new ones are."""
    old = await asyncio.to_thread(secrets_of, monitored)
    async with (
        TokenUser(monitored, monitored.token) as owner,
        TokenUser(monitored, monitored.token) as stranger,
    ):
        token = await owner.token()
        await is_answered(200, lambda: owner.opens(token))
        async with repeated(lambda: stranger.opens(token), every=0.2):
            await monitored.turns_bad(page)  # by the alert, for nobody knows of the principal token yet
            (tmp_path / "leaked-token").write_text(monitored.token + "\n", encoding="utf-8")
            told = await monitored.follow(page)
    assert "The leaked token is answered 200." in told
    assert "Revoked operator-ui" in told
    for stream in thief.streams:
        await soon(stream)
    assert await thief.is_refused()
    new = await asyncio.to_thread(secrets_of, monitored)
    assert not set(old) & set(new)
    async with TokenUser(monitored, new[0]) as owner:
        await is_answered(200, owner.reconnects)
    async with TokenUser(monitored, new[0], way=DELEGATED) as owner:
        await is_answered(200, owner.reconnects)
    await asyncio.to_thread(refuse_old_secrets, monitored, *old[1:])
    await monitored.roll_back(page)
