"""Routes that ephemeral tokens open, and how a client asks for a token and opens a stream with it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Protocol

from tests.fakes.client import Fields, RawClient, request
from tests.fakes.messages import Head, Message
from tests.functional.running import GOOD, OTHER_TOKEN, TOKEN

ADMIN_TOKEN = "Adm1n-token-of-the-test"
STORE_TRIALS = 50
ADMIN: Fields = (("Authorization", f"Bearer {ADMIN_TOKEN}"),)
BROWSER: Fields = (("User-Agent", "the browser that got the token"),)
ELSE: Fields = (("User-Agent", "somebody else who saw the URL"),)
PRINCIPALS = f"""
principals:
  - {{name: operator-ui, token: {TOKEN}, issue_rate: {{rate: 1000/s, burst: 10000}}}}
  - {{name: elsewhere, token: {OTHER_TOKEN}, routes: ["other-*"]}}
"""


class Front(Protocol):
    """A gateway that a test talks to, in the test's own loop or in a process."""

    @property
    def admin_port(self) -> int:
        """The admin listener's port."""

    async def client(self, *, limit: int = ..., keep: bool = ...) -> RawClient:
        """Open a connection to the main listener."""


def stream_route(
    name: str = "events", *, terms: str = "", stream: str = "", more: str = "", upstream: str = "backend"
) -> str:
    """Write a route that tokens of `/tokens/<name>` open; the others are the inside of YAML mappings."""
    return (
        f"  - {{name: {name}, path: /sse/{name}, upstream: {upstream}, access: ephemeral-token,"
        f" ephemeral_token: {{issue_path: /tokens/{name}, {terms}}}, stream: {{{stream}}}, {more}}}\n"
    )


def token_configuration(
    port: int,
    *routes: str,
    store: str = "memory",
    principals: str = PRINCIPALS,
    level: str = "debug",
    extra: str = "",
) -> str:
    """Write a file with these routes and one that needs a header token; one upstream is behind them."""
    return f"""
listen: 127.0.0.1:0
admin: {{address: 127.0.0.1:0, token: {ADMIN_TOKEN}}}
log: {{level: {level}, format: json}}
token_store: {store}
{principals}
upstreams:
  backend: 'http://127.0.0.1:{port}'
{extra}
routes:
  - {{name: api, path: /echo/*, upstream: backend}}
  - {{name: other-api, path: /echo/other, upstream: backend}}
{"".join(routes or (stream_route(),))}"""


@dataclass(frozen=True, slots=True)
class Issued:
    """The answer of an issue path; `token` is empty where a cookie carries it."""

    reply: Message
    told: dict[str, Any]
    cookies: dict[str, str]

    @property
    def token(self) -> str:
        """The token of the body."""
        return str(self.told.get("sse_token", ""))

    @property
    def target(self) -> str:
        """The stream's URL as `carry: query` has it."""
        return f"{self.told['endpoint']}?token={self.token}"

    @property
    def cookie(self) -> tuple[str, str]:
        """All cookies that were set, as the browser sends them back."""
        return "Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items())


@dataclass(frozen=True, slots=True)
class Stream:
    """An open stream of a test's client."""

    client: RawClient
    head: Head

    async def last(self, seconds: float = 15.0) -> bytes:
        """Read until it ends in good order."""
        return await self.client.until(b"0\r\n\r\n", seconds)


async def call(
    front: Front, target: str, fields: Fields = (), body: bytes = b"", *, method: str = "GET"
) -> Message:
    """Make one call on a connection of its own."""
    client = await front.client()
    await client.send(request(method, target, [*fields, ("Connection", "close")], body))
    reply = await client.reply(method)
    await client.aclose()
    return reply


async def issue(front: Front, name: str = "events", fields: Fields = GOOD) -> Issued:
    """Ask for a token, until the store has answered: on a busy machine it may miss its time limit."""
    reply = await call(front, f"/tokens/{name}", fields, method="POST")
    for _ in range(STORE_TRIALS):
        if b"token_store_unavailable" not in reply.body:
            break
        await asyncio.sleep(0.1)
        reply = await call(front, f"/tokens/{name}", fields, method="POST")
    assert reply.status == 200, reply.body
    pairs = [value.partition(";")[0].partition("=") for value in reply.head.values("Set-Cookie")]
    return Issued(reply, json.loads(reply.body), {key: value for key, _, value in pairs})


async def open_stream(front: Front, target: str, fields: Fields = BROWSER) -> Stream:
    """Open a stream; it must open."""
    client = await front.client()
    await client.send(request("GET", target, [*fields, ("Accept", "text/event-stream")]))
    head = await client.head()
    assert head.status == 200, client.wire.seen
    return Stream(client, head)


async def refusal(front: Front, target: str, fields: Fields = BROWSER) -> tuple[int, str]:
    """Ask for a stream that is refused; its status and code."""
    reply = await call(front, target, fields)
    assert reply.head.value("Content-Type") == "application/problem+json", reply.body
    return reply.status, json.loads(reply.body)["code"]


async def revoke(front: Front, principal: str, *, query: str = "", fields: Fields = ADMIN) -> Message:
    """Revoke a principal at the admin listener."""
    client = await RawClient.connect("127.0.0.1", front.admin_port)
    raw = request("DELETE", f"/principals/{principal}/tokens{query}", [*fields, ("Connection", "close")])
    await client.send(raw)
    reply = await client.reply("DELETE")
    await client.aclose()
    return reply


async def scrape(front: Front, target: str = "/metrics") -> Message:
    """Ask the admin listener."""
    client = await RawClient.connect("127.0.0.1", front.admin_port)
    await client.send(request("GET", target, [("Connection", "close")]))
    reply = await client.reply()
    await client.aclose()
    return reply


async def sample(front: Front, start: str) -> float:
    """Sum the metric samples whose line begins with `start`."""
    lines = (await scrape(front)).body.decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(start))


async def reaches(front: Front, start: str, value: float, seconds: float = 15.0) -> None:
    """Scrape until the metric has this value; TimeoutError when it never does."""
    async with asyncio.timeout(seconds):
        while await sample(front, start) != value:  # noqa: ASYNC110 - nothing else reports it
            await asyncio.sleep(0.01)
