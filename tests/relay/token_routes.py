"""Routes that tokens open, in every way a token travels, and how tests get and present one."""

from __future__ import annotations

from tentaculo.access.ephemeral_tokens import digest
from tentaculo.relay.opening import token_cookie
from tests.fakes.client import Fields, RawClient, request, told
from tests.fakes.messages import Message
from tests.fakes.upstream import Exchange, ScriptedUpstream
from tests.functional.running import GOOD, OTHER_TOKEN, TOKEN
from tests.relay.front import Front

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\ndata: 1\n\n"
APP = "https://app.test"
UNKNOWN = "5f0c2f6e-0a52-4d2c-9d3c-7f4a3d1b9e11"

CONFIGURATION = f"""
listen: 127.0.0.1:0
admin: 127.0.0.1:0
log: {{level: debug, format: json}}
principals:
  - {{name: operator-ui, token: {TOKEN}, issue_rate: {{rate: 1/s, burst: 20}}}}
  - {{name: reader, token: {OTHER_TOKEN}, routes: [query, header]}}
  - {{name: outsider, token: outsiders-own-token, routes: ["off"]}}
upstreams:
  backend: {{servers: ['http://127.0.0.1:PORT'], timeouts: {{connect: 1s, response: 30s, idle: 60s}}}}
routes:
"""
ROUTES = """
  - {name: query, path: /sse/query, upstream: backend, access: ephemeral-token, stream: {},
     ephemeral_token: {issue_path: /token/query}}
  - {name: sibling, path: /sse/sibling, upstream: backend, access: ephemeral-token, stream: {},
     ephemeral_token: {issue_path: /token/query}}
  - {name: cookie, path: /sse/cookie, upstream: backend, access: ephemeral-token, stream: {},
     ephemeral_token: {issue_path: /token/cookie, carry: cookie, max_streams_per_token: 2}}
  - {name: header, path: /sse/header, upstream: backend, access: ephemeral-token, stream: {},
     ephemeral_token: {issue_path: /token/header, carry: header}}
  - {name: once, path: /sse/once, upstream: backend, access: ephemeral-token, stream: {},
     ephemeral_token: {issue_path: /token/once, reuse: once}}
  - {name: ttl, path: /sse/ttl, upstream: backend, access: ephemeral-token, stream: {},
     ephemeral_token: {issue_path: /token/ttl, reuse: ttl, bind_client: true}}
  - {name: open, path: /sse/open, upstream: backend, access: ephemeral-token, stream: {},
     ephemeral_token: {issue_path: /token/open, principal_in_query: allow, parameter: sse_token}}
  - {name: handed-on, path: /sse/handed-on, upstream: backend, access: ephemeral-token, stream: {},
     forward_credential: true, ephemeral_token: {issue_path: /token/handed-on}}
  - {name: off, path: /sse/off, upstream: backend, access: ephemeral-token, stream: {}, enabled: false,
     ephemeral_token: {issue_path: /token/off}}
  - {name: everything, path: /*, upstream: backend}
  - {name: public, path: /echo/public, upstream: backend, access: public}
  - {name: delegated, path: /sse/delegated, upstream: backend, access: upstream, stream: {}}
"""
BLOCKED: Fields = [("X-VX11-Token", OTHER_TOKEN)]
OUTSIDER: Fields = [("X-VX11-Token", "outsiders-own-token")]


def token_configuration(upstream: ScriptedUpstream, routes: str = ROUTES, extra: str = "") -> str:
    """Fill in the upstream's port."""
    return CONFIGURATION.replace("PORT", str(upstream.port)) + routes + extra


async def ask(front: Front, name: str, fields: Fields = GOOD) -> Message:
    """Ask for a token of a route."""
    return await front.call(f"/token/{name}", fields, method="POST")


def cookies_of(reply: Message) -> dict[str, str]:
    """Return the cookies that a reply sets."""
    pairs = (value.partition(";")[0].partition("=") for value in reply.head.values("Set-Cookie"))
    return {name: value for name, _, value in pairs}


async def issue(front: Front, name: str, fields: Fields = GOOD) -> str:
    """Have a token issued; return it however it travels."""
    reply = await ask(front, name, fields)
    assert reply.status == 200, reply
    found = told(reply).get("sse_token") or cookies_of(reply)[token_cookie(f"/token/{name}")]
    assert digest(found.encode()) in front.store._tokens
    return str(found)


def placed(name: str, token: str) -> tuple[str, Fields]:
    """Return the target and the fields that present a token where its route reads one."""
    target = f"/sse/{name}"
    if name == "cookie":
        return target, [("Cookie", f"a=1; {token_cookie('/token/cookie')}={token}; b=2")]
    if name == "header":
        return target, [("X-VX11-Token", token)]
    return f"{target}?{'sse_token' if name == 'open' else 'token'}={token}", []


async def open_stream(
    front: Front, upstream: ScriptedUpstream, name: str, token: str, fields: Fields = ()
) -> tuple[RawClient, Exchange]:
    """Open a stream with a token, until its head has come."""
    target, presenting = placed(name, token)
    client = await front.client()
    await client.send(request("GET", target, [*presenting, *fields]))
    assert (await client.head()).status == 200
    return client, await upstream.next()
