"""What is decided before a byte goes up: who may pass, where to, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tentaculo.access.principals import Principal
from tentaculo.config.settings import StreamSettings
from tentaculo.relay.admission import Admission
from tentaculo.relay.streams import Claim
from tests.fakes.client import Fields, request, told
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.running import GOOD, TOKEN
from tests.relay.conftest import StartFront
from tests.relay.front import Front
from tests.relay.parts import parsed_request

ROUTES = """
routes:
  - {name: everything, path: /*, upstream: backend, allow_in_path: ["%2f"]}
  - {name: other-host, path: /echo/*, host: other.test, upstream: backend, access: public}
  - {name: stream, path: /sse/*, upstream: backend, access: public, stream: {}}
  - {name: delegated, path: /sse/delegated, upstream: backend, access: upstream, stream: {}}
  - {name: posts, path: /echo/posts, methods: [POST], upstream: backend, access: public}
  - {name: own-host, path: /echo/own, upstream: backend, access: public,
     request_headers: {set: {Host: own.test}}}
"""
TRUSTED = "trusted_peers: [127.0.0.1]\n"


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front with one route of each kind, and small limits."""
    limits = "body: 10, headers: 2KiB, streams: 1"
    return await start_front(configuration(upstream.port, routes=ROUTES, limits=limits))


async def answer(front: Front, sent: bytes) -> tuple[int, str]:
    """Status and code of the answer to a request."""
    client = await front.client()
    await client.send(sent)
    reply = await client.reply(sent.partition(b" ")[0].decode())
    return reply.status, told(reply)["code"] if reply.status >= 400 else ""


CREDENTIALS: Fields = [*GOOD, *GOOD]
WIDE: Fields = [*GOOD, *((f"X-{n}", "v" * 500) for n in range(4))]


def framed(coding: str, *, version: str = "1.1") -> bytes:
    """A POST with an empty chunked body under some coding."""
    fields = [*GOOD, ("Transfer-Encoding", coding)]
    return request("POST", "/echo", fields, version=version) + b"0\r\n\r\n"


PASSING = {
    "credential": request("GET", "/echo", GOOD),
    "other-host": request("GET", "/echo/x", host="other.test"),
    "other-host-with-port": request("GET", "/echo/x", host="OTHER.test:8000"),
    "encoded-slash": request("GET", "/echo/a%2fb", GOOD),
    "encoded-slash-upper": request("GET", "/echo/a%2Fb", GOOD),
    "body-at-the-limit": request("POST", "/echo/posts", body=b"0123456789"),
    "http10": request("GET", "/echo", GOOD, version="1.0"),
    "http10-without-host": b"GET /health HTTP/1.0\r\n\r\n",
    "chunked": framed("Chunked"),
    "expectation": request("POST", "/echo", [*GOOD, ("Expect", "100-Continue")], b"x"),
    "line-does-not-count": request("GET", "/echo?" + "q" * 3000, [*GOOD, ("X", "v" * 1500)]),
    "absolute-form": request("GET", "http://gateway.test/echo", GOOD),
}
REFUSED = {
    "no-credential": (request("GET", "/echo"), 401, "unauthorized"),
    "two-credentials": (request("GET", "/echo", CREDENTIALS), 400, "ambiguous_credential"),
    "method": (request("GET", "/echo/posts"), 405, "method_not_allowed"),
    "semicolon": (request("GET", "/echo/a;b", GOOD), 400, "bad_target"),
    "dots": (request("GET", "/echo/../x", GOOD), 400, "bad_target"),
    "slash-on-another-route": (request("GET", "/sse/a%2fb"), 400, "bad_target"),
    "post-to-a-stream": (request("POST", "/sse/delegated", body=b"x"), 405, "method_not_allowed"),
    "body": (request("POST", "/echo/posts", body=b"0123456789+"), 413, "body_too_large"),
    "no-host": (b"GET /health HTTP/1.1\r\n\r\n", 400, "bad_request"),
    "bad-host": (request("GET", "/echo", GOOD, host="no host"), 400, "bad_request"),
    "http09": (request("GET", "/echo", GOOD, version="0.9"), 505, "version_not_supported"),
    "http2": (request("GET", "/echo", GOOD, version="2.0"), 505, "version_not_supported"),
    "trace": (request("TRACE", "/echo", GOOD), 405, "method_not_allowed"),
    "connect": (request("CONNECT", "other.test:443", GOOD), 405, "method_not_allowed"),
    "two-codings": (framed("gzip, chunked"), 400, "bad_request"),
    "http10-chunked": (framed("chunked", version="1.0"), 400, "bad_request"),
    "expectation": (request("POST", "/echo", [*GOOD, ("Expect", "cake")]), 417, "expectation_failed"),
    "wide-head": (request("GET", "/echo", WIDE), 431, "headers_too_large"),
    "absolute-form": (request("GET", "http://else.test/echo", GOOD), 400, "bad_target"),
}


@pytest.mark.parametrize("sent", PASSING.values(), ids=PASSING)
async def test_passing(sent: bytes, front: Front) -> None:
    """What the rules allow is answered by the upstream."""
    assert await answer(front, sent) == (200, "")


@pytest.mark.parametrize(("sent", "status", "code"), REFUSED.values(), ids=REFUSED)
async def test_refused(sent: bytes, status: int, code: str, front: Front, upstream: ScriptedUpstream) -> None:
    """What they do not is refused, and costs the upstream nothing."""
    assert await answer(front, sent) == (status, code)
    assert upstream.wires == []


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("GET", "/echo/posts", "POST"),
        ("DELETE", "/sse/delegated", "GET, HEAD, OPTIONS"),
        ("TRACE", "/echo", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ("PUT", "/health", "GET, HEAD"),
    ],
)
async def test_allow(method: str, target: str, allow: str, front: Front) -> None:
    """A 405 says what would do."""
    reply = await front.call(target, (), method=method)
    assert (reply.status, reply.head.value("Allow")) == (405, allow)


async def test_no_room_for_another_stream(front: Front, upstream: ScriptedUpstream) -> None:
    """Where no stream may open, a stream route is refused before the upstream is asked."""
    client = await front.client()
    await client.send(request("GET", "/sse/1"))
    assert (await client.head()).status == 200
    reply = await front.call("/sse/2", ())
    assert (reply.status, told(reply)["code"]) == (503, "too_many_streams")
    assert reply.head.value("Retry-After") == "5"
    assert len(upstream.exchanges) == 1
    assert (await front.call()).status == 200, "an ordinary route needs no room"
    upstream.events.put_nowait(None)
    await front.logs.wait_for("stream.ended")


@pytest.mark.parametrize(
    ("target", "id_", "query"),
    [
        ("/sse/1", b"", None),
        ("/sse/1?a", b"", "a"),
        ("/sse/1?a&last_event_id=%C3%B1", "ñ".encode(), "a"),
        ("/sse/1?last_event_id", b"", None),
        ("/echo/own?last_event_id=7", b"", "last_event_id=7"),
    ],
)
async def test_where_a_stream_goes_on(target: str, id_: bytes, query: str | None, front: Front) -> None:
    """On a route with streams the parameter is taken out, and remembered as what the header would say."""
    found = Admission(front.relay, parsed_request(request("GET", target)))
    plan = found.decide()
    assert plan is not None
    assert found.target is not None
    assert (found.last_event_id, found.target.query) == (id_, query)
    fields = found.fields
    assert fields is not None
    assert b"".join(fields.kept).count(b"Last-Event-ID: %b\r\n" % id_) == bool(id_)


@pytest.mark.parametrize("said", ["plain", "ñ"])
async def test_where_a_stream_goes_on_by_header(said: str, front: Front) -> None:
    """It counts before the parameter, and its bytes are kept as they came."""
    fields = [("Last-Event-ID", said.encode().decode("latin-1"))]
    found = Admission(front.relay, parsed_request(request("GET", "/sse/1?last_event_id=7", fields)))
    found.decide()
    assert found.last_event_id == said.encode()
    assert found.target is not None
    assert found.target.query is None


async def test_claim(front: Front) -> None:
    """A stream is claimed for its route, its principal with that one's own limit, and its address."""
    found = Admission(front.relay, parsed_request(request("GET", "/sse/1")))
    plan = found.decide()
    assert plan is not None
    nobody = Claim("stream", StreamSettings(), None, None, "192.0.2.7")
    assert found.claim(plan) == nobody
    found.record.principal = Principal("operator-ui", "", 3)
    assert found.claim(plan) == replace(nobody, principal="operator-ui", principal_limit=3)


async def test_claim_on_a_route_without_options(front: Front) -> None:
    """An event stream may come from any route; there nothing but the sum of all bounds it."""
    found = Admission(front.relay, parsed_request(request("GET", "/echo", GOOD)))
    plan = found.decide()
    assert plan is not None
    claim = found.claim(plan)
    assert (claim.route, claim.settings, claim.principal) == ("everything", StreamSettings(), "operator-ui")
    front.relay.streams.closed = True
    found.check_room(plan)
    front.relay.streams.closed = False


FORWARDED: Fields = [
    ("X-Forwarded-For", "192.0.2.7"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "shop.test"),
    ("X-Request-Id", "the-peers-id"),
]


@pytest.mark.parametrize("trusted", [True, False])
async def test_origin(trusted: bool, start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """Only a trusted peer is believed who sent the request, and its id is kept."""
    front = await start_front(configuration(upstream.port, extra=TRUSTED if trusted else ""))
    reply = await front.call(fields=[*GOOD, *FORWARDED])
    fields = {name.lower(): value for name, value in told(reply)["headers"]}
    event = front.logs.named("request.finished")[-1]
    if trusted:
        assert fields["x-forwarded-for"] == "192.0.2.7, 127.0.0.1"
        assert (fields["x-forwarded-proto"], fields["x-forwarded-host"]) == ("https", "shop.test")
        assert (event["client"], event["request_id"]) == ("192.0.2.7", "the-peers-id")
    else:
        assert fields["x-forwarded-for"] == "127.0.0.1"
        assert (fields["x-forwarded-proto"], fields["x-forwarded-host"]) == ("http", "gateway.test")
        assert event["client"] == "127.0.0.1"
        assert event["request_id"] != "the-peers-id"
    assert fields["x-request-id"] == event["request_id"]


async def test_trusted_peer_that_says_nothing(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """A trusted peer without a word about others is the client itself, with an id of ours."""
    front = await start_front(configuration(upstream.port, extra=TRUSTED))
    reply = await front.call()
    event = front.logs.named("request.finished")[-1]
    assert event["client"] == "127.0.0.1"
    assert len(event["request_id"]) == 32
    assert told(reply)["headers"].count(["X-Forwarded-For", "127.0.0.1"]) == 1


async def test_head_that_goes_up(front: Front) -> None:
    """The credential is gone, the principal named, the host kept unless the route has its own."""
    fields = dict(told(await front.call("/echo?a=b"))["headers"])
    assert TOKEN not in str(fields)
    assert fields["X-Tentaculo-Principal"] == "operator-ui"
    assert fields["Host"] == "gateway.test"
    own = dict(told(await front.call("/echo/own", ()))["headers"])
    assert (own["Host"], own["X-Forwarded-Host"]) == ("own.test", "gateway.test")
    assert "X-Tentaculo-Principal" not in own


@pytest.mark.parametrize(
    ("fields", "body", "expected"),
    [
        ((), b"", {}),
        ([("Content-Length", "0")], b"", {"Content-Length": "0"}),
        ([("Content-Length", "005")], b"hello", {"Content-Length": "5"}),
        ([("Transfer-Encoding", "chunked")], b"5\r\nhello\r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"}),
    ],
    ids=["none", "empty", "length", "chunked"],
)
async def test_framing_that_goes_up(
    fields: Fields, body: bytes, expected: dict[str, str], front: Front
) -> None:
    """A request has one framing, written anew."""
    client = await front.client()
    await client.send(request("POST", "/echo/posts", fields) + body)
    reply = told(await client.reply("POST"))
    framing = {n: v for n, v in reply["headers"] if n.lower() in ("content-length", "transfer-encoding")}
    assert framing == expected
    assert reply["body"] == ("hello" if b"hello" in body else "")


@pytest.mark.parametrize(
    ("version", "sent", "expected"),
    [("1.1", b"", True), ("1.1", b"hello", False), ("1.0", b"", False)],
    ids=["body-to-come", "body-at-hand", "http10"],
)
async def test_expectation_goes_up_where_it_has_a_point(
    version: str, sent: bytes, expected: bool, front: Front, upstream: ScriptedUpstream
) -> None:
    """The upstream is asked whether the body may come only where it is still to come."""
    client = await front.client()
    head = request(
        "POST", "/echo/posts", [("Expect", "100-continue"), ("Content-Length", "5")], version=version
    )
    await client.send(head + sent)
    exchange = await upstream.next()
    assert bool(exchange.head.values("Expect")) is expected
    await client.send(b"hello"[len(sent) :])
    assert told(await client.reply("POST"))["body"] == "hello"


@pytest.mark.parametrize("body", ["body: 10", ""], ids=["limited", "unlimited"])
@pytest.mark.parametrize("length", ["0" * 5000, "0" * 4999 + "1", "0" * 19 + "1"], ids=["0", "1", "20"])
async def test_length_of_many_digits(
    body: str, length: str, start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """A length is a number of at most 19 digits, whatever it comes to."""
    front = await start_front(configuration(upstream.port, limits=body))
    sent = request("POST", "/echo", [*GOOD, ("Content-Length", length)]) + b"x"
    assert await answer(front, sent) == (400, "bad_request")
    assert upstream.wires == []
