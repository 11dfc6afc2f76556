"""Tests of the load that shakes hands anew for each call."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from scripts.benchmarks.handshake_load import HandshakePlan, call_once, make_context, press
from scripts.benchmarks.wrk import LoadFailed
from tests.admin.stacks import answering
from tests.benchmarks.test_paced_load import REPLY
from tests.fakes.gates import soon
from tests.upstream.certificates import make_certificates

REQUEST = b"GET /x HTTP/1.1\r\nHost: bench\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """Return what a peer with TLS has."""
    return make_certificates(tmp_path_factory.mktemp("tls")).server_context()


def plan(port: int, clients: int = 2) -> HandshakePlan:
    """Return a short load."""
    return HandshakePlan(port=port, clients=clients, seconds=0.2, credential="X-A: made-up", path="/x")


async def test_each_call_has_its_own_connection(server: ssl.SSLContext) -> None:
    """Peers that close after each answer are called on, and no handshake is a short one."""
    async with answering(REPLY, server) as (port, received):
        load = await soon(press(plan(port)))
    assert load.calls == received.count(b"GET /x HTTP/1.1\r\nHost: bench\r\nX-A: made-up\r\n")
    assert load.calls >= 2
    assert load.seconds > 0


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (REPLY.replace(b"200", b"401"), "the peer answered 401"),
        (REPLY[:-1], "ended before its answer"),
        (b"", "ended before its answer"),
    ],
    ids=["refused", "cut", "no answer"],
)
async def test_a_wrong_answer(reply: bytes, said: str, server: ssl.SSLContext) -> None:
    """It ends the load."""
    async with answering(reply, server) as (port, _):
        with pytest.raises(LoadFailed, match=said):
            await soon(asyncio.to_thread(call_once, make_context(), port, REQUEST))


async def test_a_fault_of_a_client_comes_back(server: ssl.SSLContext) -> None:
    """Clients are processes, and their words are the load's."""
    async with answering(REPLY.replace(b"200", b"401"), server) as (port, _):
        with pytest.raises(LoadFailed, match="the peer answered 401"):
            await soon(press(plan(port, clients=1)))


def test_a_credential_is_not_shown() -> None:
    """It goes to the process, not into a message."""
    assert "made-up" not in repr(plan(1))
