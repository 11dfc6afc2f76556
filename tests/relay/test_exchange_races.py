"""What happens between the steps of an opening: revocations, and clients that leave."""

from __future__ import annotations

import pytest

from tests.fakes.client import request, told
from tests.fakes.gates import eventually
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.running import GOOD
from tests.relay.conftest import StartFront
from tests.relay.front import Front
from tests.relay.token_routes import issue, open_stream, placed, token_configuration


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front with routes of every kind."""
    return await start_front(token_configuration(upstream))


async def test_revoked_before_it_turns_out_a_stream(front: Front, upstream: ScriptedUpstream) -> None:
    """A call that is answered by an event stream is one that the revocation was for."""
    client = await front.client()
    await client.send(request("GET", "/late-sse/x", GOOD))
    await upstream.next()
    await front.tokens.revoke("operator-ui")
    upstream.gates.open("head")
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (401, "unauthorized")
    assert len(front.relay.streams) == 0


async def test_client_that_leaves_during_the_redeem(front: Front, upstream: ScriptedUpstream) -> None:
    """What the store gave it meanwhile is given back: its place is free at once."""
    token = await issue(front, "cookie")
    target, fields = placed("cookie", token)
    front.store.delivers.clear()
    client = await front.client()
    await client.send(request("GET", target, fields))
    await front.store.redeemed.wait()
    client.leave()
    await front.logs.wait_for("request.finished", count=2)
    front.store.delivers.set()
    await eventually(lambda: "release" in front.store.taken)
    await open_stream(front, upstream, "cookie", token)


async def test_blocked_between_admission_and_issue(front: Front) -> None:
    """The store has the last word on who gets a token."""
    await front.store.revoke("operator-ui", block=60)
    front.standings._blocked.clear()
    reply = await front.call("/token/query", GOOD, method="POST")
    assert (reply.status, told(reply)["code"]) == (403, "forbidden")


async def test_blocked_between_issue_and_redeem(front: Front, upstream: ScriptedUpstream) -> None:
    """An instance that knows of a block opens nothing, whatever its store says."""
    target, fields = placed("query", await issue(front, "query"))
    front.store.loses_messages = True
    await front.store.revoke("operator-ui", block=60)
    await front.upkeep.look()
    front.store._epochs.clear()
    assert (await front.call(target, fields)).status == 403


async def test_issue_path_takes_no_odd_expectation(front: Front) -> None:
    """An issue path holds requests to the same rules as any other."""
    reply = await front.call("/token/query", [*GOOD, ("Expect", "bogus")], method="POST")
    assert (reply.status, told(reply)["code"]) == (417, "expectation_failed")
