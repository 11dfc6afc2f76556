"""The admin API on a real socket, before facts that a test makes."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from tentaculo.access.ephemeral_tokens import EphemeralTokens
from tentaculo.admin.api import AdminApi
from tentaculo.admin.app import build_app
from tentaculo.admin.listener import AdminRunner
from tentaculo.config.outline import Changes, Difference, Outline
from tentaculo.relay.reloading import Reloaded
from tentaculo.telemetry.metrics import Metrics
from tests.access.faulty_store import FaultyStore
from tests.fakes.client import Fields, RawClient, request, told
from tests.fakes.messages import Message

TOKEN = "the-admin-token"
GOOD: Fields = [("Authorization", f"Bearer {TOKEN}")]
PATH = "/principals/operator%20ui/tokens"
Call = Callable[..., Awaitable[Message]]
Start = Callable[[str | None], Awaitable[Call]]
NOTHING = Changes(Difference(), Difference(), Difference(), (), ())
STRANGERS: dict[str, Fields] = {
    "nothing": [],
    "wrong": [("Authorization", "Bearer the-admin-tokem")],
    "empty": [("Authorization", "Bearer ")],
    "prefix": [("Authorization", f"Bearer {TOKEN[:-1]}")],
    "longer": [("Authorization", f"Bearer {TOKEN}x")],
    "another scheme": [("Authorization", f"Basic {TOKEN}")],
    "no scheme": [("Authorization", TOKEN)],
    "twice": [*GOOD, *GOOD],
    "another header": [("X-VX11-Token", TOKEN)],
    "no text": [("Authorization", "Bearer \xff\xfe")],
}


class Reloads:
    """What a reload comes to, what there is to show, and how often a reload was asked for."""

    def __init__(self) -> None:
        self.outcome = Reloaded(NOTHING)
        self.outline = Outline({}, {}, {}, {})
        self.streams: dict[str, int] = {}
        self.asked = 0

    async def reload(self) -> Reloaded:
        """Count."""
        self.asked += 1
        return self.outcome


@asynccontextmanager
async def serve(token: str | None, store: FaultyStore, reloads: Reloads) -> AsyncIterator[Call]:
    """Serve the API for as long as the block, and yield how to call it."""
    tokens = EphemeralTokens(store, Metrics(version="0").tokens)
    api = AdminApi(
        lambda: None if token is None else hashlib.sha256(token.encode()).digest(),
        revoke=lambda name, seconds: tokens.revoke(name, block=seconds),
        is_principal=frozenset({"operator ui", "b\u00e9"}).__contains__,
        reload=reloads.reload,
        outline=lambda: (reloads.outline, reloads.streams),
    )
    app = build_app(
        is_ready=lambda: True,
        is_rejected=lambda: False,
        store_answers=store.is_available,
        exposition=_nothing,
        api=api,
    )
    runner = AdminRunner(app, patience=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()

    async def call(target: str = PATH, fields: Fields = GOOD, method: str = "DELETE") -> Message:
        client = await RawClient.connect(*runner.addresses[0])
        await client.send(request(method, target, [*fields, ("Connection", "close")]))
        reply = await client.reply(method)
        await client.aclose()
        return reply

    yield call
    await runner.cleanup()


async def _nothing() -> tuple[bytes, str]:
    return b"", "text/plain"


def check_problem(reply: Message, status: int, code: str) -> None:
    """Check that a reply is a problem, with nothing of what came in."""
    assert (reply.status, told(reply)["code"]) == (status, code)
    assert reply.head.value("Content-Type") == "application/problem+json"
    assert reply.head.value("X-Request-Id") == told(reply)["request_id"]
    assert "operator" not in reply.body.decode()
