"""A gateway with an upstream of streams behind it, for what operators' commands do to it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from tentaculo.admin.client import CallFailed, WrongUse
from tests.fakes.behaviours import BEHAVIOURS
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.running import TOKEN, RunningGateway

T = TypeVar("T")
ADMIN_TOKEN = "Adm1n-token-of-the-test"
ROUTES = """
  - {name: query, path: /sse/query, upstream: backend, access: ephemeral-token, stream: {},
     ephemeral_token: {issue_path: /tokens/query}}
"""


@dataclass(frozen=True, slots=True)
class Stack:
    """What runs; `text` is the gateway's configuration."""

    gateway: RunningGateway
    upstream: ScriptedUpstream
    text: str

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self.gateway.port}"

    @property
    def admin_url(self) -> str:
        """Where operators do."""
        return f"http://127.0.0.1:{self.gateway.admin_port}"


def configuration(
    port: int, routes: str = ROUTES, *, admin_token: str = ADMIN_TOKEN, store: str = "memory"
) -> str:
    """Write a file for an upstream at `port`."""
    return f"""
listen: 127.0.0.1:0
admin: {{address: 127.0.0.1:0, token: {admin_token}}}
log: {{level: debug, format: json}}
token_store: {store}
principals:
  - {{name: operator-ui, token: {TOKEN}}}
upstreams:
  backend: http://127.0.0.1:{port}
routes:{routes}"""


@asynccontextmanager
async def running(
    routes: str = ROUTES, *, admin_token: str = ADMIN_TOKEN, store: str = "memory"
) -> AsyncIterator[Stack]:
    """Run it for as long as the block."""
    async with AsyncExitStack() as stack:
        upstream = ScriptedUpstream(BEHAVIOURS)
        await upstream.start()
        stack.push_async_callback(upstream.stop)
        text = configuration(upstream.port, routes, admin_token=admin_token, store=store)
        gateway = RunningGateway(text)
        stack.callback(gateway.check_log)
        stack.push_async_callback(gateway.stop)
        await gateway.start()
        yield Stack(gateway, upstream, text)


@asynccontextmanager
async def answering(reply: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, bytearray]]:
    """Answer one fixed thing to whoever comes; yields the port, and what came."""
    received = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            received.extend(await reader.read(65_536))
            writer.write(reply)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1], received


async def said(work: Callable[[], T]) -> T | str:
    """Do blocking work beside the gateway; a failure is its sentence, behind the kind of failure."""
    try:
        return await asyncio.to_thread(work)
    except (CallFailed, WrongUse) as fault:
        return f"{type(fault).__name__}: {fault}"
