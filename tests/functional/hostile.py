"""Plays one hostile request against a fresh gateway and holds the outcome against the case's rules."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.fakes.client import RawClient, replies_in, request
from tests.fakes.messages import Cut, Message, read_head, source_of
from tests.fakes.recorder import OK, Recorder
from tests.functional.cases import Case, expand, resolve
from tests.functional.configuration import HEAD
from tests.functional.conftest import StartGateway, StartRecorder
from tests.functional.running import GOOD, OTHER_TOKEN, TOKEN, RunningGateway
from tests.functional.tokens import issue

PATIENCE_SECONDS = 3.0
QUIET_SECONDS = 0.2
HOST = "gateway.test"
VALUES = {
    "HOST": HOST,
    "TOKEN": TOKEN,
    "TOKEN-1": TOKEN[:-1],
    "TOKEN^": TOKEN.swapcase(),
    "OTHER": OTHER_TOKEN,
    "API": "/api",
    "API1": "api",
    "SSE": "/events/stream",
    "SSEDIR": "/events",
    "SSE1": "events",
}
EVENTS = b"data: recorded\n\n"
STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(EVENTS) + EVENTS
)
ROUTES = """
routes:
  - {name: api-root, path: /api, upstream: recorder}
  - {name: api, path: /api/*, upstream: recorder}
  - {name: other, path: /other/*, upstream: recorder}
  - {name: open, path: /open/*, upstream: recorder, access: public}
  - {name: events, path: /events/stream, upstream: recorder, access: upstream, stream: {}}
"""
TOKEN_ROUTE = """
  - name: minted
    path: /minted/*
    upstream: recorder
    access: ephemeral-token
    ephemeral_token: {issue_path: /tokens/minted}
    stream: {}
"""
# The recorder answers a path that ends so with the case's own reply.
MINTED = {"SSE": "/minted/up", "SSEDIR": "/minted", "SSE1": "minted"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the client and the upstream saw of one case."""

    first: str
    seconds: float
    data: str
    replies: list[Message]
    requests: int
    values: Mapping[str, str]


def hostile_configuration(port: int) -> str:
    """Point every kind of route at one recorder."""
    principals = f"""
principals:
  - {{name: operator-ui, token: {TOKEN}}}
  - {{name: elsewhere, token: {OTHER_TOKEN}, routes: ["other*"]}}
upstreams: {{recorder: 'http://127.0.0.1:{port}'}}
limits: {{body: 8MiB}}
"""
    return HEAD + principals + ROUTES + TOKEN_ROUTE


async def check(case: Case, start_gateway: StartGateway, start_recorder: StartRecorder) -> None:
    """Play the case, then an ordinary request, and enforce every rule."""
    plain = STREAM if case.needs == "sse" else OK
    reply = expand(case.reply, VALUES).encode("latin-1") if case.reply else plain
    recorder = await start_recorder(reply=reply, close_after=case.close)
    evil = await start_recorder()
    gateway = await start_gateway(hostile_configuration(recorder.port))
    values = {**VALUES, "EVILPORT": str(evil.port)}
    if case.needs == "sse":
        values |= MINTED | await _mint(gateway)
    outcome = await _play(case, gateway, recorder, values)
    _check_client(case, outcome)
    assert outcome.requests <= case.upstream.get("max_requests", 1_000), recorder.seen
    await _check_next(case, gateway)
    _check_upstream(case, recorder, outcome)
    assert evil.connections == 0
    for pattern in case.log.get("must_not_match", ()):
        assert not _search(pattern, gateway.logs.text, outcome)


async def _mint(gateway: RunningGateway) -> dict[str, str]:
    token = (await issue(gateway, "minted")).token
    return {"SSETOK": token, "SSETOK%": "".join(f"%{byte:02x}" for byte in token.encode())}


async def _play(
    case: Case, gateway: RunningGateway, recorder: Recorder, values: Mapping[str, str]
) -> Outcome:
    raw = expand(case.request, values).encode("latin-1")
    client = await gateway.client()
    began = asyncio.get_running_loop().time()
    client.wire.writer.write(raw)
    if case.fin:
        client.finish_sending()
    seconds = await _listen(client, began)
    data = client.wire.seen
    methods = re.findall(r"^([A-Z]+) /", raw.decode("latin-1"))
    replies = await replies_in(data, methods)
    first = str((await read_head(source_of(data))).status) if data else _nothing(client)
    return Outcome(
        first=first,
        seconds=seconds,
        data=data.decode("latin-1"),
        replies=replies,
        requests=len(recorder.heads),
        values=values,
    )


def _nothing(client: RawClient) -> str:
    return "close" if client.wire.gone.is_set() else "timeout"


async def _listen(client: RawClient, began: float) -> float:
    """Read until the end or until nothing comes any more; how long the first byte took."""
    patience, first_at = PATIENCE_SECONDS, began
    try:
        while await asyncio.wait_for(client.wire.source.some(), patience):
            if patience != QUIET_SECONDS:
                patience, first_at = QUIET_SECONDS, asyncio.get_running_loop().time()
    except (Cut, TimeoutError):
        pass
    return first_at - began


def _check_client(case: Case, outcome: Outcome) -> None:
    assert outcome.first in case.allow, outcome.data[:2000]
    assert outcome.seconds <= (case.max_seconds or 60)
    assert "500" not in [str(reply.status) for reply in outcome.replies]
    assert "Traceback" not in outcome.data
    assert len(outcome.replies) <= case.client.get("max_responses", 1_000), outcome.data[:2000]
    if "last_status" in case.client:
        assert str(outcome.replies[-1].status) in case.client["last_status"]
    if case.client.get("incomplete") and outcome.first == "200":
        assert not outcome.replies[-1].complete
    for pattern in case.client.get("must_not_match", ()):
        assert not _search(pattern, outcome.data, outcome)
    for pattern in case.client.get("must_match", ()):
        assert _search(pattern, outcome.data, outcome)


def _check_upstream(case: Case, recorder: Recorder, outcome: Outcome) -> None:
    rules = case.upstream
    for pattern in rules.get("must_not_match", ()):
        assert not _search(pattern, recorder.seen, outcome), recorder.seen[:2000]
    for pattern in rules.get("must_match", ()):
        assert _search(pattern, recorder.seen, outcome), recorder.seen[:2000]
    if "resolved_prefix" in rules:
        prefix = expand(rules["resolved_prefix"], outcome.values)
        targets = [resolve(head.target) for head in recorder.heads]
        assert all(t.startswith(prefix) for t in targets if t != "/api"), targets
    if rules.get("no_leftover"):
        assert not recorder.leftover
    if rules.get("not_complete"):
        assert len(recorder.requests) == 1  # the ordinary one alone
    assert not recorder.malformed


async def _check_next(case: Case, gateway: RunningGateway) -> None:
    client = await gateway.client()
    await client.send(request("GET", "/api", [*GOOD, ("Connection", "close")], host=HOST))
    reply = await client.reply()
    assert (reply.status, reply.body) == (200, b"recorded")
    for pattern in case.client.get("next_must_not_match", ()):
        assert not re.search(pattern, client.wire.seen.decode("latin-1"))


def _search(pattern: str, text: str, outcome: Outcome) -> bool:
    for name, value in outcome.values.items():
        pattern = pattern.replace("{{" + name + "}}", re.escape(value))
    return re.search(pattern, text) is not None
