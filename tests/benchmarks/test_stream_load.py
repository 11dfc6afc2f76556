"""Tests of the load that opens streams."""

from __future__ import annotations

import pytest

from scripts.benchmarks.stream_load import StreamPlan, press_streams, stream_backend
from scripts.benchmarks.wrk import LoadFailed
from tests.admin.stacks import answering
from tests.fakes.gates import soon
from tests.fakes.ports import free_port
from tests.functional.running import TOKEN, RunningGateway

CONFIG = """
listen: 127.0.0.1:0
admin: 127.0.0.1:0
principals:
  - {{name: bench, token: {token}, issue_rate: {{rate: 100000/s, burst: 100000}}}}
upstreams:
  backend: http://127.0.0.1:{port}
routes:
  - {{name: events, path: /events, upstream: backend, access: ephemeral-token, stream: {{}},
     ephemeral_token: {{issue_path: /token}}}}
"""


def _plan(port: int, token: str = TOKEN) -> StreamPlan:
    return StreamPlan(port=port, credential=f"X-VX11-Token: {token}", clients=3, seconds=0.3)


async def test_every_stream_that_is_counted_was_opened() -> None:
    """The gateway counts as many as the load does, each opened with a token of its own."""
    port = free_port()
    gateway = RunningGateway(CONFIG.format(token=TOKEN, port=port))
    async with stream_backend(port):
        await gateway.start()
        try:
            opened = await soon(press_streams(_plan(gateway.port)), 10)
            assert opened >= 3
            assert await gateway.metric("ephemeral_tokens_issued_total") == opened
            assert await gateway.metric(r'sse_streams_opened_total\{credential="ephemeral_token"') == opened
        finally:
            await gateway.stop()


async def test_a_refusal_ends_the_load() -> None:
    """A gateway that refuses is not measured, and the status is said."""
    gateway = RunningGateway(CONFIG.format(token=TOKEN, port=1))
    await gateway.start()
    try:
        with pytest.raises(LoadFailed, match="answered 401"):
            await soon(press_streams(_plan(gateway.port, "another-principal")), 10)
    finally:
        await gateway.stop()


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 200 OK\r\n"], ids=["nothing", "half"])
async def test_no_answer_ends_the_load(reply: bytes) -> None:
    """A connection that breaks is a failure too."""
    async with answering(reply) as (port, _):
        with pytest.raises(LoadFailed, match="no answer"):
            await soon(press_streams(_plan(port)), 10)
