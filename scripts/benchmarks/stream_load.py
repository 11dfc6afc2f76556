"""The load of `tokens`: clients that issue a token, open a stream with it, and leave, again and again.

The backend of streams is here too: neither is measured, so both share the benchmark's own process.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from scripts.benchmarks.wrk import LoadFailed

EVENT = b"data: 1\n\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
ANSWER_SECONDS = 5.0
HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPlan:
    """`clients` at a time for `seconds`, at a gateway on `port`; `credential` is a header line."""

    port: int
    credential: str
    clients: int
    seconds: float
    issue_path: str = "/token"
    stream_path: str = "/events"


@asynccontextmanager
async def stream_backend(port: int) -> AsyncIterator[None]:
    """Serve endless streams of one event on 127.0.0.1."""
    handlers: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = asyncio.current_task()
        handlers[handler] = writer
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(HEAD_END)
            writer.write(STREAM_HEAD + b"%x\r\n%b\r\n" % (len(EVENT), EVENT))
            await reader.read()  # until the gateway leaves
        writer.close()
        del handlers[handler]

    async with await asyncio.start_server(serve, "127.0.0.1", port):
        yield
    left = {handler for handler in handlers if handler is not None}
    for writer in handlers.values():
        writer.transport.abort()
    if left:
        await asyncio.wait(left, timeout=ANSWER_SECONDS)


async def press_streams(plan: StreamPlan) -> int:
    """Run the load to its end and return how many streams were opened; raises LoadFailed."""
    until = asyncio.get_running_loop().time() + plan.seconds
    clients = [asyncio.create_task(_keep_opening(plan, until)) for _ in range(plan.clients)]
    try:
        return sum(await asyncio.gather(*clients))
    except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
        raise LoadFailed(f"a client got no answer: {type(error).__name__}") from error
    finally:
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)


async def _keep_opening(plan: StreamPlan, until: float) -> int:
    opened = 0
    reader, writer = await asyncio.open_connection("127.0.0.1", plan.port)
    try:
        while asyncio.get_running_loop().time() < until:
            async with asyncio.timeout(ANSWER_SECONDS):
                await _open_one(plan, await _issue(plan, reader, writer))
            opened += 1
    finally:
        writer.close()
    return opened


async def _issue(plan: StreamPlan, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    head = f"POST {plan.issue_path} HTTP/1.1\r\nHost: bench\r\n{plan.credential}\r\nContent-Length: 0\r\n\r\n"
    writer.write(head.encode())
    answer = await _read_head(reader)
    lengths = [
        line.split(":")[1] for line in answer.lower().split("\r\n") if line.startswith("content-length:")
    ]
    return str(json.loads(await reader.readexactly(int(lengths[0])))["sse_token"])


async def _open_one(plan: StreamPlan, token: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", plan.port)
    try:
        writer.write(f"GET {plan.stream_path}?token={token} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        await _read_head(reader)
        await reader.readuntil(EVENT)
    finally:
        writer.close()


async def _read_head(reader: asyncio.StreamReader) -> str:
    head = (await reader.readuntil(HEAD_END)).decode("latin-1")
    status = head.split(" ")[1]
    if status != "200":
        raise LoadFailed(f"the gateway answered {status}")
    return head
