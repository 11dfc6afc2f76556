"""Where a stream is to go on: by header, or by a parameter, which stays at the gateway."""

from __future__ import annotations

import pytest

from tests.fakes.client import Fields, request, told
from tests.fakes.messages import Head
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, RunningGateway
from tests.functional.tokens import BROWSER, issue, stream_route, token_configuration

ROUTES = """
routes:
  - {name: stream, path: /sse/stream, upstream: backend, stream: {}}
  - {name: delegated, path: /sse/delegated, upstream: backend, access: upstream, stream: {}}
  - {name: public, path: /sse/public, upstream: backend, access: public, stream: {}}
  - {name: everything, path: /*, upstream: backend}
"""
STREAMS = ["stream", "delegated", "public"]


@pytest.fixture
async def gateway(start_gateway: StartGateway, upstream: ScriptedUpstream) -> RunningGateway:
    """A gateway with streams on routes of every access but tokens'."""
    return await start_gateway(configuration(upstream.port, routes=ROUTES))


async def sent_up(
    gateway: RunningGateway, upstream: ScriptedUpstream, target: str, fields: Fields = (), method: str = "GET"
) -> Head:
    """Ask for a stream; return the head that went up."""
    client = await gateway.client()
    await client.send(request(method, target, [*GOOD, *fields]))
    exchange = await upstream.next()
    client.leave()
    return exchange.head


def ids(head: Head) -> list[bytes]:
    """The ids of a head, byte for byte."""
    return [value.encode("latin-1") for value in head.values("Last-Event-ID")]


# What the client says, by header and by query: what goes up.
HEADER = "Last-Event-ID"
SAID: dict[str, tuple[list[str], str | None, list[bytes], str]] = {
    "nothing": ([], None, [], ""),
    "header": (["7-a"], None, [b"7-a"], ""),
    "UTF-8 header": (["ñandú".encode().decode("latin-1")], None, ["ñandú".encode()], ""),
    "header beside others": (["7"], "a=1&b", [b"7"], "?a=1&b"),
    "parameter": ([], "last_event_id=7", [b"7"], ""),
    "parameter, first": ([], "last_event_id=7&a=1", [b"7"], "?a=1"),
    "parameter, last": ([], "a=1&last_event_id=7", [b"7"], "?a=1"),
    "parameter, in the middle": ([], "a=%20&last_event_id=7&&b=", [b"7"], "?a=%20&&b="),
    "escaped name": ([], "%6cast%5Fevent_i%64=7&a", [b"7"], "?a"),
    "escaped value": ([], "last_event_id=a%20b%2Bc+d%2525", [b"a b+c d%25"], ""),
    "UTF-8": ([], "last_event_id=%C3%B1and%C3%BA%F0%9D%84%9E", ["ñandú𝄞".encode()], ""),
    "not UTF-8": ([], "last_event_id=%ff", [b"\xff"], ""),
    "empty": ([], "last_event_id=&a=1", [], "?a=1"),
    "no value": ([], "last_event_id", [], ""),
    "header wins": (["8"], "last_event_id=7&a=1", [b"8"], "?a=1"),
    "empty header wins": ([""], "last_event_id=7", [b""], ""),
    "other case": ([], "Last_Event_Id=7", [], "?Last_Event_Id=7"),
    "escaped twice": ([], "%256cast_event_id=7", [], "?%256cast_event_id=7"),
    "other name": ([], "last_event_id2=7&xlast_event_id=8", [], "?last_event_id2=7&xlast_event_id=8"),
}


@pytest.mark.parametrize(("headers", "query", "expected", "rest"), SAID.values(), ids=SAID)
@pytest.mark.parametrize("name", STREAMS)
async def test_id_goes_up_as_the_header(
    name: str,
    headers: list[str],
    query: str | None,
    expected: list[bytes],
    rest: str,
    gateway: RunningGateway,
    upstream: ScriptedUpstream,
) -> None:
    """Once, whatever way it came; the parameter is taken out, and the rest of the query stays."""
    target = f"/sse/{name}" + (f"?{query}" if query is not None else "")
    head = await sent_up(gateway, upstream, target, [(HEADER, value) for value in headers])
    assert ids(head) == expected
    assert head.target == f"/sse/{name}{rest}"


REFUSED: dict[str, tuple[list[str], str]] = {
    "two headers": (["7", "7"], ""),
    "two parameters": ([], "?last_event_id=7&last_event_id=7"),
    "two parameters, one escaped": ([], "?last_event_id=7&last%5fevent_id=8"),
    "two parameters, one empty": ([], "?last_event_id=&last_event_id=8"),
    "two parameters and a header": (["7"], "?last_event_id=7&last_event_id=8"),
    "line end": ([], "?last_event_id=7%0d%0aX-Evil:%201"),
    "line feed": ([], "?last_event_id=7%0a"),
    "NUL": ([], "?last_event_id=7%00"),
    "tab": ([], "?last_event_id=7%098"),
    "DEL": ([], "?last_event_id=%7F"),
    "controls beside a header": (["7"], "?last_event_id=%00"),
}


@pytest.mark.parametrize(("headers", "query"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("name", STREAMS)
async def test_refused(
    name: str, headers: list[str], query: str, gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    """Two of either, or what no header can hold, is refused before it goes anywhere."""
    fields = [*GOOD, *((HEADER, value) for value in headers)]
    reply = await gateway.call(f"/sse/{name}{query}", fields)
    assert (reply.status, told(reply)["code"]) == (400, "bad_request")
    assert upstream.exchanges == []
    assert (await gateway.logs.wait_for("request.finished"))["reason"] == "last_event_id"


async def test_controls_in_the_header(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """They are no header at all."""
    client = await gateway.client()
    await client.send(request("GET", "/sse/stream", [*GOOD, (HEADER, "7\x008")]))
    assert (await client.reply()).status == 400
    assert upstream.exchanges == []


@pytest.mark.parametrize("query", ["last_event_id=7", "last_event_id=%00&last_event_id=8", "last%5fevent_id"])
async def test_other_routes(query: str, gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """Where no stream is declared the parameter is the backend's own, whatever it holds."""
    head = await sent_up(gateway, upstream, f"/sse/plain?{query}", [(HEADER, "9"), (HEADER, "10")])
    assert head.target == f"/sse/plain?{query}"
    assert ids(head) == [b"9", b"10"]


@pytest.mark.parametrize("method", ["HEAD", "POST"])
async def test_other_methods(method: str, gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """On a route with streams they are read like GET."""
    head = await sent_up(gateway, upstream, "/sse/stream?last_event_id=7", method=method)
    assert (head.target, ids(head)) == ("/sse/stream", [b"7"])


# Beside a token.


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        ("token={}&last_event_id=7", ""),
        ("last_event_id=7&token={}", ""),
        ("a=1&last_event_id=7&b=2&token={}&c=3", "?a=1&b=2&c=3"),
        ("t%6fken={}&a=1&l%61st_event_id=7", "?a=1"),
    ],
)
@pytest.mark.parametrize("handed_on", [False, True], ids=["kept back", "handed on"])
async def test_beside_a_token(
    handed_on: bool, query: str, rest: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """In any order; a route that hands credentials on loses nothing but the id."""
    route = stream_route(more="forward_credential: true" if handed_on else "")
    gateway = await start_gateway(token_configuration(upstream.port, route))
    issued = await issue(gateway)
    filled = query.format(issued.token)
    client = await gateway.client()
    await client.send(request("GET", f"/sse/events?{filled}", BROWSER))
    assert (await client.head()).status == 200
    head = (await upstream.next()).head
    assert ids(head) == [b"7"]
    pairs = [pair for pair in filled.split("&") if "event_id" not in pair]
    assert head.target == "/sse/events" + ("?" + "&".join(pairs) if handed_on else rest)


async def test_new_stream_of_a_client_that_comes_back(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A browser comes back with the old URL and a newer header, which counts."""
    gateway = await start_gateway(token_configuration(upstream.port))
    issued = await issue(gateway)
    heads = []
    for fields in ((), ((HEADER, "9"),)):
        client = await gateway.client()
        await client.send(request("GET", f"{issued.target}&last_event_id=7", [*BROWSER, *fields]))
        assert (await client.head()).status == 200
        heads.append((await upstream.next()).head)
    assert [ids(head) for head in heads] == [[b"7"], [b"9"]]
    assert {head.target for head in heads} == {"/sse/events"}


async def test_delegated_token_stays(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """Where the upstream checks, its token passes as it came, and only the id is taken out."""
    head = await sent_up(gateway, upstream, "/sse/delegated?token=a%20b&last_event_id=7&x")
    assert (head.target, ids(head)) == ("/sse/delegated?token=a%20b&x", [b"7"])
