"""The routes that carry streams in the tests, and how one is opened."""

from __future__ import annotations

from tests.fakes.client import RawClient, request
from tests.functional.running import GOOD, RunningGateway

ROUTES = """
routes:
  - {name: checked, path: /*, upstream: backend}
  - {name: open, path: /sse/open, upstream: backend, access: public, stream: {}}
  - {name: gathered, path: /sse/gathered, upstream: backend, stream: {gather: 1ms}}
  - {name: delegated, path: /sse/delegated, upstream: backend, access: upstream, stream: {}}
  - {name: delegated-204, path: /status/204, upstream: backend, access: upstream, stream: {}}
  - {name: delegated-401, path: /status/401, upstream: backend, access: upstream, stream: {}}
  - {name: delegated-503, path: /status/503, upstream: backend, access: upstream, stream: {}}
  - {name: delegated-200, path: /status/200, upstream: backend, access: upstream, stream: {}}
  - {name: delegated-206, path: /status/206, upstream: backend, access: upstream, stream: {}}
  - {name: delegated-304, path: /status/304, upstream: backend, access: upstream, stream: {}}
  - {name: delegated-redirect, path: /redirect, upstream: backend, access: upstream, stream: {}}
  - {name: delegated-canned, path: /canned, upstream: backend, access: upstream, stream: {}}
  - {name: posting, path: /sse/posting, upstream: backend, stream: {}}
  - {name: posting-json, path: /echo/posting, upstream: backend, stream: {}}
"""
PATHS = ["/sse/plain", "/sse/open", "/sse/delegated", "/sse/gathered"]


async def open_stream(gateway: RunningGateway, target: str, version: str = "1.1") -> RawClient:
    """Ask for a stream and read its head."""
    client = await gateway.client()
    fields = [*GOOD, ("Accept", "text/event-stream"), ("Accept-Encoding", "gzip, br")]
    await client.send(request("GET", target, fields, version=version))
    return client
