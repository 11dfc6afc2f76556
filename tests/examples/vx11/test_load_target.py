"""The target of a load: what is sent where, and what is counted of the answers."""

from __future__ import annotations

import pytest

from examples.vx11.load_target import FAILED, Target
from tests.examples.vx11.load_scene import TOKEN, FakeGateway, faked
from tests.fakes.gates import soon
from tests.fakes.ports import free_port


async def test_a_command_goes_under_its_key() -> None:
    """With the credential; 202 alone is acceptance, and each status is counted."""
    gateway = FakeGateway(refusals=[503, 200])
    async with faked(gateway) as target:
        accepted = [await target.command("c", "load.1-0-1") for _ in range(3)]
    assert accepted == [False, False, True]
    assert gateway.headers("Idempotency-Key") == ["load.1-0-1"] * 3
    assert gateway.headers("X-VX11-Token") == [TOKEN] * 3
    assert gateway.bodies[0] == b'{"command": "c"}'
    assert target.calls == {"503": 1, "200": 1, "202": 1}


@pytest.mark.parametrize(
    ("mode", "path"),
    [("gateway", "/events/sse-token"), ("delegated", "/operator/api/events/sse-token")],
    ids=["gateway", "delegated"],
)
async def test_a_token_comes_from_whoever_issues_it(mode: str, path: str) -> None:
    """With the credential in its header."""
    gateway = FakeGateway()
    async with faked(gateway, mode) as target:
        assert await target.issue() == "t1"
    assert [request.path for request in gateway.asked] == [path]
    assert gateway.headers("X-VX11-Token") == [TOKEN]
    assert target.tokens == {"200": 1}


@pytest.mark.parametrize(
    ("status", "text"),
    [(401, ""), (307, ""), (200, "no JSON"), (200, "[]"), (200, "{}")],
    ids=["refused", "redirect", "no-json", "no-object", "no-token"],
)
async def test_an_answer_without_a_token_is_none(status: int, text: str) -> None:
    """It is counted, and no redirect is followed."""
    async with faked(FakeGateway(issue_status=status, issue_text=text)) as target:
        assert await target.issue() is None
    assert target.tokens == {str(status): 1}


@pytest.mark.parametrize(
    ("mode", "path"),
    [("gateway", "/events/stream"), ("delegated", "/operator/api/events/stream")],
    ids=["gateway", "delegated"],
)
async def test_a_stream_is_opened_with_its_token_alone(mode: str, path: str) -> None:
    """It goes on after the last event; it has whole blocks, and no half of one."""
    gateway = FakeGateway(streams=iter([b"id: 1\n\ndata: a\ndata: b\n\ndata: half\n"] * 2))
    async with faked(gateway, mode) as target:
        for last_event_id in ("", "7"):
            async with target.open("t1", last_event_id) as blocks:
                assert blocks is not None
                assert [block async for block in blocks] == [b"id: 1", b"data: a\ndata: b"]
    assert [request.path_qs for request in gateway.asked] == [f"{path}?token=t1"] * 2
    assert gateway.headers("Last-Event-ID") == [None, "7"]
    assert gateway.headers("X-VX11-Token") == [None] * 2
    assert target.streams == {"200": 2}


async def test_a_stream_that_is_refused_is_none() -> None:
    """Its status is counted."""
    async with faked(FakeGateway()) as target, target.open("bad", "") as blocks:
        assert blocks is None
    assert target.streams == {"401": 1}


async def test_a_gateway_that_is_not_there_fails_each_call() -> None:
    """Nothing is raised, and nothing else is counted."""
    async with Target(f"http://127.0.0.1:{free_port()}", TOKEN, "gateway") as target:
        assert not await soon(target.command("c", "k"))
        assert await soon(target.issue()) is None
        async with target.open("t", "") as blocks:
            assert blocks is None
    assert [target.calls, target.tokens, target.streams] == [{FAILED: 1}] * 3
