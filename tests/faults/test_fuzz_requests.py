"""Thousands of broken requests: each is answered or dropped, and no other client notices."""

from __future__ import annotations

import asyncio

from tests.fakes.client import RawClient, request
from tests.fakes.messages import Cut
from tests.fakes.recorder import Recorder
from tests.faults.mutations import Mutator
from tests.faults.resting import comes_to_rest
from tests.functional.cases import expand, load_cases
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway, start_recorder
from tests.functional.hostile import VALUES
from tests.functional.running import GOOD, TOKEN

__all__ = ["start_recorder"]

COUNT = 2000
BATCH = 100
PATIENCE_SECONDS = 0.25
LIMITS = "header_timeout: 1s, body_timeout: 1s, body: 1MiB"
ROUTES = """
routes:
  - {name: open, path: /open/*, upstream: backend, access: public}
  - {name: events, path: /events/stream, upstream: backend, access: upstream, stream: {}}
  - {name: everything, path: /*, upstream: backend}
"""
WORDS = (
    b"GET ",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"Host: a\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: X-VX11-Token\r\n",
    b"Upgrade: websocket\r\n",
    b"Expect: 100-continue\r\n",
    b"X-Forwarded-For: 1.2.3.4\r\n",
    b"TRACE",
    b"/../",
    b"//",
    b"\\",
    b"http://evil/",
    b"?token=",
    b"5\r\nhello\r\n0\r\n\r\n",
)


def good_requests() -> list[bytes]:
    """Return what mutations begin with: plain requests, and the hostile ones of the table."""
    plain = [
        request("GET", "/api?x=1", GOOD),
        request("POST", "/api", GOOD, b"hello"),
        request("PUT", "/open/x", [("Transfer-Encoding", "chunked")], b"5\r\nhello\r\n0\r\n\r\n"),
        request("GET", "/events/stream", [("Accept", "text/event-stream")]),
        request("HEAD", "/open/y") + request("GET", "/open/z"),
    ]
    hostile = [expand(case.request, VALUES).encode("latin-1") for case in load_cases()]
    return plain * 20 + [raw for raw in hostile if len(raw) < 4000]


async def play(port: int, reads: list[bytes]) -> bytes:
    """Send an input; return what came back before nothing more did."""
    client = await RawClient.connect("127.0.0.1", port)
    try:
        for read in reads:
            if not client.wire.writer.transport.is_closing():
                await client.send(read)
            await asyncio.sleep(0)
        while await asyncio.wait_for(client.wire.source.some(), PATIENCE_SECONDS):
            pass
    except (Cut, TimeoutError):
        pass
    client.leave()
    return client.wire.seen


async def test_requests(start_gateway: StartGateway) -> None:
    """No 500, no traceback, no request that the upstream can't read; the next one is served."""
    recorder = Recorder()
    await recorder.start()
    gateway = await start_gateway(configuration(recorder.port, limits=LIMITS, routes=ROUTES))
    mutator = Mutator(seed=1, words=WORDS)
    inputs = list(mutator.inputs(good_requests(), COUNT))
    for start in range(0, COUNT, BATCH):
        batch = inputs[start : start + BATCH]
        answers = await asyncio.gather(*(play(gateway.port, mutator.slices(raw)) for raw in batch))
        for raw, answer in zip(batch, answers, strict=True):
            assert b"HTTP/1.1 500" not in answer, raw
            assert b"Traceback" not in answer, raw
            assert answer.startswith(b"HTTP/1.1 ") or not answer, raw
        assert (await gateway.call("/api")).body == b"recorded"
    await comes_to_rest(gateway)
    await recorder.stop()
    assert recorder.malformed == []
    assert TOKEN not in gateway.logs.text
