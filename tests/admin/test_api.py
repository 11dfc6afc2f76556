"""The admin API over a real socket: who may call, what it does, and what it says where it can't."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from tentaculo.access.ephemeral_tokens import EphemeralTokens
from tentaculo.access.store import Grant, Terms
from tentaculo.admin.api import AdminApi
from tentaculo.admin.app import build_app
from tentaculo.admin.listener import AdminRunner
from tentaculo.telemetry.metrics import Metrics
from tests.access.faulty_store import FaultyStore
from tests.fakes.client import Fields, RawClient, request, told
from tests.fakes.clock import Clock
from tests.fakes.messages import Message

TOKEN = "the-admin-token"
GOOD: Fields = [("Authorization", f"Bearer {TOKEN}")]
PATH = "/principals/operator%20ui/tokens"
Call = Callable[..., Awaitable[Message]]


@pytest.fixture
def store() -> FaultyStore:
    """A store that a test may take away."""
    return FaultyStore(Clock())


@pytest.fixture
async def start(store: FaultyStore) -> AsyncIterator[Callable[[str | None], Awaitable[Call]]]:
    """Start admin listeners, with a token or without, and return how to call them."""
    tokens = EphemeralTokens(store, Metrics(version="0").tokens)
    async with AsyncExitStack() as stack:

        async def listen(token: str | None) -> Call:
            api = AdminApi(
                None if token is None else hashlib.sha256(token.encode()).digest(),
                revoke=lambda name, seconds: tokens.revoke(name, block=seconds),
                is_principal=frozenset({"operator ui", "b\u00e9"}).__contains__,
            )
            app = build_app(
                is_ready=lambda: True, store_answers=store.is_available, exposition=_nothing, api=api
            )
            runner = AdminRunner(app, patience=1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()

            async def call(target: str = PATH, fields: Fields = GOOD, method: str = "DELETE") -> Message:
                client = await RawClient.connect(*runner.addresses[0])
                await client.send(request(method, target, [*fields, ("Connection", "close")]))
                reply = await client.reply(method)
                await client.aclose()
                return reply

            return call

        yield listen


async def _nothing() -> tuple[bytes, str]:
    return b"", "text/plain"


@pytest.fixture
async def call(start: Callable[[str | None], Awaitable[Call]]) -> Call:
    """Call the API of a gateway with an admin token."""
    return await start(TOKEN)


def check_problem(reply: Message, status: int, code: str) -> None:
    """Check that a reply is a problem, with nothing of what came in."""
    assert (reply.status, told(reply)["code"]) == (status, code)
    assert reply.head.value("Content-Type") == "application/problem+json"
    assert reply.head.value("X-Request-Id") == told(reply)["request_id"]
    assert "operator" not in reply.body.decode()


async def test_revoke(call: Call, store: FaultyStore) -> None:
    """The principal's tokens end, and its own goes on."""
    await store.issue(b"d", Grant(principal="operator ui", fingerprint="f", routes=("r",)), Terms(ttl=60.0))
    reply = await call()
    assert (reply.status, told(reply)) == (200, {"principal": "operator ui", "blocked_for": 0.0})
    standing = (await store.standings(["operator ui"]))["operator ui"]
    assert (standing.epoch, standing.blocked_for) == (1, 0.0)


@pytest.mark.parametrize(("block", "seconds"), [("1h", 3600.0), ("500ms", 0.5), ("720h", 2_592_000.0)])
async def test_block(block: str, seconds: float, call: Call, store: FaultyStore) -> None:
    """Its own token is refused for as long as was asked, 30 days at most."""
    reply = await call(f"{PATH}?block={block}")
    assert (reply.status, told(reply)["blocked_for"]) == (200, seconds)
    assert (await store.standings(["operator ui"]))["operator ui"].blocked_for == seconds


@pytest.mark.parametrize("block", ["", "1", "-1h", "721h", "1d", "forever", "nan", "1h%00", "0s"])
async def test_block_that_is_no_duration(block: str, call: Call, store: FaultyStore) -> None:
    """Nothing is done where it is not clear what was meant."""
    check_problem(await call(f"{PATH}?block={block}"), 400, "bad_request")
    assert store.taken == []


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


@pytest.mark.parametrize("fields", STRANGERS.values(), ids=STRANGERS)
async def test_strangers(fields: Fields, call: Call, store: FaultyStore) -> None:
    """Without exactly the admin token nothing is done, nor said of who is a principal."""
    for target in (PATH, "/principals/nobody/tokens", f"{PATH}?block=x", f"{PATH}?token={TOKEN}"):
        reply = await call(target, fields)
        check_problem(reply, 401, "unauthorized")
        assert (reply.head.value("WWW-Authenticate") or "").startswith("Bearer")
    assert store.taken == []


@pytest.mark.parametrize("fields", [*STRANGERS.values(), GOOD], ids=[*STRANGERS, "good"])
async def test_off_without_a_token(
    fields: Fields, start: Callable[[str | None], Awaitable[Call]], store: FaultyStore
) -> None:
    """Where none is configured nobody gets in."""
    call = await start(None)
    check_problem(await call(PATH, fields), 404, "route_not_found")
    assert store.taken == []


@pytest.mark.parametrize("name", ["nobody", "OPERATOR%20UI", "operator+ui", "operator%2520ui"])
async def test_unknown_principal(name: str, call: Call, store: FaultyStore) -> None:
    """A name is known letter by letter, or a typing error would pass for a revocation."""
    check_problem(await call(f"/principals/{name}/tokens"), 404, "route_not_found")
    assert store.taken == []


async def test_name_beyond_ascii(call: Call) -> None:
    """Names are text."""
    assert told(await call("/principals/b%C3%A9/tokens"))["principal"] == "b\u00e9"


async def test_store_that_is_away(call: Call, store: FaultyStore) -> None:
    """Whoever revokes is told that it did not happen, and when to try again."""
    store.away = True
    reply = await call()
    check_problem(reply, 503, "token_store_unavailable")
    assert reply.head.value("Retry-After") == "1"
    assert reply.head.value("Cache-Control") == "no-store"


async def test_fault_leaks_nothing(call: Call, store: FaultyStore, caplog: pytest.LogCaptureFixture) -> None:
    """A bug is an internal error without a word of what happened."""
    store.fault = LookupError("my-own-secret")
    reply = await call()
    check_problem(reply, 500, "internal_error")
    assert b"my-own-secret" not in reply.body
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert told(reply)["request_id"] in record.getMessage()
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_other_methods(method: str, call: Call, store: FaultyStore) -> None:
    """Only DELETE revokes."""
    assert (await call(PATH, GOOD, method)).status == 405
    assert store.taken == []
