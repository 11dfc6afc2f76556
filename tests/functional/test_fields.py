"""Header fields: what passes unchanged, what stops here, and what the gateway says of the client."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.client import Fields, told
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD

TRUSTED = "trusted_peers: [127.0.0.0/8]\n"
ODD = (
    b"HTTP/1.1 200 Quite Fine\r\nX-Second: 2\r\nx-FIRST: 1\r\n"
    b"Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\n"
    b"X_Under: kept\r\nServer: odd/1.0\r\nX-Empty:\r\nX-Latin: caf\xe9\r\n"
    b"Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
    b'ETag: W/"x"\r\nVary: Accept\r\n'
    b"Cache-Control: max-age=5\r\nContent-Length: 2\r\nset-cookie: c=3\r\n\r\nok"
)
KEPT = [
    ("X-Second", "2"),
    ("x-FIRST", "1"),
    ("Set-Cookie", "a=1; Path=/"),
    ("Set-Cookie", "b=2"),
    ("X_Under", "kept"),
    ("Server", "odd/1.0"),
    ("X-Empty", ""),
    ("X-Latin", "caf\xe9"),
    ("Date", "Mon, 01 Jan 2024 00:00:00 GMT"),
    ("ETag", 'W/"x"'),
    ("Vary", "Accept"),
    ("Cache-Control", "max-age=5"),
    ("Content-Length", "2"),
    ("set-cookie", "c=3"),
]


async def told_headers(
    start_gateway: StartGateway, port: int, fields: Fields, extra: str = ""
) -> dict[str, Any]:
    """Call and give back the fields that the upstream saw, by lower-case name, joined."""
    gateway = await start_gateway(configuration(port, extra=extra))
    reply = await gateway.call("/echo", [*GOOD, *fields])
    assert reply.status == 200, gateway.logs.text
    seen: dict[str, list[str]] = {}
    for name, value in told(reply)["headers"]:
        seen.setdefault(name.lower(), []).append(value)
    return {name: " | ".join(values) for name, values in seen.items()}


async def test_reply_head_passes_unchanged(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Names, order and repetition of a reply's fields, and its reason, are the upstream's own."""
    upstream.canned["/odd"] = ODD
    gateway = await start_gateway(configuration(upstream.port))
    reply = await gateway.call("/odd")
    assert reply.head.start == "HTTP/1.1 200 Quite Fine"
    assert [item for item in reply.head.fields if item in KEPT] == KEPT
    names = {name.lower() for name, _ in reply.head.fields} - {name.lower() for name, _ in KEPT}
    assert names == {"x-request-id", "connection"}


async def test_request_head_passes_unchanged(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Names, order and repetition of a request's fields are the client's own."""
    gateway = await start_gateway(configuration(upstream.port))
    mine = [
        ("X-B", "2"),
        ("x-A", "1"),
        ("X-B", "3"),
        ("Accept", "a/b"),
        ("Cookie", "x=y"),
        ("X-Latin", "caf\xe9"),
    ]
    reply = await gateway.call("/echo", [*GOOD, *mine])
    assert [tuple(item) for item in told(reply)["headers"] if tuple(item) in mine] == mine


async def test_target_passes_unchanged(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """The query goes up byte for byte."""
    gateway = await start_gateway(configuration(upstream.port))
    target = "/echo/a%20b?x=%2F&y=a+b&&z;=%zz&empty=&q=../..//%00"
    assert told(await gateway.call(target))["target"] == target


@pytest.mark.parametrize("target", ["/echo", "/echo?", "/echo?a", "/echo/?a=b"])
async def test_empty_query_is_kept(
    target: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A bare question mark stays, and none is added."""
    gateway = await start_gateway(configuration(upstream.port))
    assert told(await gateway.call(target))["target"] == target


HOP = [
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "TE",
    "Trailer",
    "Upgrade",
    "Proxy-Connection",
    "X-Gone",
]


@pytest.mark.parametrize("name", HOP)
async def test_hop_by_hop_fields_do_not_go_up(
    name: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Fields for one connection, and those that `Connection` names, end at the gateway."""
    seen = await told_headers(start_gateway, upstream.port, [(name, "one-hop"), ("Connection", "X-Gone")])
    assert name.lower() not in seen
    assert "x-gone" not in seen.get("connection", "").lower()


@pytest.mark.parametrize("name", HOP)
async def test_hop_by_hop_fields_do_not_go_down(
    name: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """The same on the way back."""
    head = (
        f"HTTP/1.1 200 OK\r\nConnection: X-Gone, keep-alive\r\n{name}: one-hop\r\nContent-Length: 0\r\n\r\n"
    )
    upstream.canned["/hop"] = head.encode()
    gateway = await start_gateway(configuration(upstream.port))
    reply = await gateway.call("/hop")
    assert reply.status == 200
    assert b"one-hop" not in reply.head.raw
    assert b"X-Gone" not in reply.head.raw


async def test_untrusted_client_is_described_by_its_socket(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """What an untrusted client says about itself is replaced."""
    said = [
        ("X-Forwarded-For", "6.6.6.6"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Port", "1"),
        ("Forwarded", "for=6.6.6.6"),
        ("X-Real-IP", "6.6.6.6"),
        ("X-Request-Id", "chosen-by-client"),
    ]
    seen = await told_headers(start_gateway, upstream.port, said)
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-forwarded-host"] == "gateway.test"
    assert not {"x-forwarded-port", "x-real-ip"} & set(seen)
    assert "6.6.6.6" not in seen.get("forwarded", "")
    assert "chosen" not in seen["x-request-id"]


async def test_trusted_peer_is_believed(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """What a trusted peer says is kept, and its own address appended."""
    said = [
        ("X-Forwarded-For", "10.1.1.1, 10.2.2.2"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "shop.example"),
        ("Forwarded", "for=10.1.1.1;proto=https"),
        ("X-Request-Id", "from-the-edge-1"),
    ]
    seen = await told_headers(start_gateway, upstream.port, said, TRUSTED)
    assert seen["x-forwarded-for"] == "10.1.1.1, 10.2.2.2, 127.0.0.1"
    assert seen["x-forwarded-proto"] == "https"
    assert seen["x-forwarded-host"] == "shop.example"
    assert seen["forwarded"].startswith("for=10.1.1.1;proto=https, for=127.0.0.1")
    assert seen["x-request-id"] == "from-the-edge-1"


async def test_logged_client_is_the_first_untrusted_address(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Behind a trusted peer the log names the client, from the right, that no trusted peer is."""
    gateway = await start_gateway(configuration(upstream.port, extra=TRUSTED))
    await gateway.call("/echo", [*GOOD, ("X-Forwarded-For", "6.6.6.6, 10.9.9.9, 127.0.0.2")])
    event = await gateway.logs.wait_for("request.finished")
    assert event["client"] == "10.9.9.9"


async def test_identity_header_is_never_believed_on_checked_routes(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Even a trusted peer's word does not stand beside the principal that was proved."""
    seen = await told_headers(start_gateway, upstream.port, [("X-Tentaculo-Principal", "admin")], TRUSTED)
    assert seen["x-tentaculo-principal"] == "operator-ui"


@pytest.mark.parametrize("given", [None, "", "two words", "x" * 300, "{}", "caf\xe9"], ids=repr)
async def test_request_id_is_made(
    given: str | None, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Without an acceptable id from a trusted peer one is made; client, upstream and log see the same."""
    gateway = await start_gateway(configuration(upstream.port, extra=TRUSTED))
    fields = [*GOOD] if given is None else [*GOOD, ("X-Request-Id", given)]
    reply = await gateway.call("/echo", fields)
    made = reply.head.values("X-Request-Id")
    assert made == upstream.exchanges[0].head.values("X-Request-Id")
    assert len(made) == 1
    assert made != [given]
    assert (await gateway.logs.wait_for("request.finished"))["request_id"] == made[0]


async def test_request_ids_differ(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """No two exchanges share a made id."""
    gateway = await start_gateway(configuration(upstream.port))
    ids = [(await gateway.call("/echo")).head.value("X-Request-Id") for _ in range(5)]
    assert len(set(ids)) == 5


async def test_problem_names_the_request(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """An error body is problem details, with the id that the log has too."""
    gateway = await start_gateway(configuration(upstream.port))
    reply = await gateway.call("/echo", [])
    event = await gateway.logs.wait_for("request.finished")
    assert reply.head.value("Content-Type") == "application/problem+json"
    assert told(reply) == {
        "type": told(reply)["type"],
        "title": told(reply)["title"],
        "status": 401,
        "code": "unauthorized",
        "request_id": event["request_id"],
    }
    assert reply.head.values("X-Request-Id") == [event["request_id"]]
    assert event["code"] == "unauthorized"


async def test_via_is_appended(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """The gateway adds itself behind those that came before."""
    seen = await told_headers(start_gateway, upstream.port, [("Via", "1.0 first, 1.1 second")])
    before, _, mine = seen["via"].replace(" | ", ", ").rpartition(", ")
    assert before == "1.0 first, 1.1 second"
    assert mine.startswith("1.1 ")


async def test_nothing_is_invented(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Beyond what it documents the gateway adds no field."""
    seen = await told_headers(start_gateway, upstream.port, [])
    assert set(seen) == {
        "host",
        "via",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-request-id",
        "x-tentaculo-principal",
    } | ({"connection"} & set(seen))


EDITS = """
routes:
  - name: edited
    path: /front/*
    upstream: backend
    rewrite: {replace: [/front, /echo]}
    request_headers: {set: {X-Env: prod, X-Client: gateway}, remove: [X-Debug]}
    response_headers: {set: {X-Frame-Options: DENY, Content-Type: text/x-own}, remove: [Server]}
  - {name: stripped, path: /strip/*, upstream: backend, rewrite: {strip: /strip}}
"""


async def test_route_edits_fields_and_path(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Static fields are set and removed, both ways, and the prefix replaced."""
    gateway = await start_gateway(configuration(upstream.port, routes=EDITS))
    reply = await gateway.call(
        "/front/a?b=c", [*GOOD, ("X-Debug", "1"), ("X-Env", "dev"), ("x-client", "me")]
    )
    answer = told(reply)
    fields = {(name.lower(), value) for name, value in answer["headers"]}
    assert answer["target"] == "/echo/a?b=c"
    assert {item for item in fields if item[0] in ("x-env", "x-client", "x-debug")} == {
        ("x-env", "prod"),
        ("x-client", "gateway"),
    }
    assert reply.head.values("X-Frame-Options") == ["DENY"]
    assert reply.head.values("Content-Type") == ["text/x-own"]
    assert reply.head.values("Server") == []


@pytest.mark.parametrize(
    ("target", "seen"),
    [("/strip/echo", "/echo"), ("/strip/echo/x?y", "/echo/x?y"), ("/strip/echo/", "/echo/")],
)
async def test_prefix_is_stripped(
    target: str, seen: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A stripped prefix is gone and the rest untouched."""
    gateway = await start_gateway(configuration(upstream.port, routes=EDITS))
    assert told(await gateway.call(target))["target"] == seen


async def test_private_caching_of_checked_replies(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A reply to a credential is private and varies by it where the upstream is silent."""
    gateway = await start_gateway(configuration(upstream.port))
    reply = await gateway.call("/echo")
    assert reply.head.values("Cache-Control") == ["private"]
    assert "X-VX11-Token" in reply.head.values("Vary")[0]
