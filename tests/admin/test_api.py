"""The admin API over a real socket: who may call, what it does, and what it says where it can't."""

from __future__ import annotations

import logging

import pytest

from tentaculo.access.store import Grant, Terms
from tests.access.faulty_store import FaultyStore
from tests.admin.served import GOOD, PATH, STRANGERS, TOKEN, Call, Start, check_problem
from tests.fakes.client import Fields, told


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


@pytest.mark.parametrize("fields", STRANGERS.values(), ids=STRANGERS)
async def test_strangers(fields: Fields, call: Call, store: FaultyStore) -> None:
    """Without exactly the admin token nothing is done, nor said of who is a principal."""
    for target in (PATH, "/principals/nobody/tokens", f"{PATH}?block=x", f"{PATH}?token={TOKEN}"):
        reply = await call(target, fields)
        check_problem(reply, 401, "unauthorized")
        assert (reply.head.value("WWW-Authenticate") or "").startswith("Bearer")
    assert store.taken == []


@pytest.mark.parametrize("fields", [*STRANGERS.values(), GOOD], ids=[*STRANGERS, "good"])
async def test_off_without_a_token(fields: Fields, start: Start, store: FaultyStore) -> None:
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
