"""More hostile traffic: request bodies of odd sizes and kinds, and replies no upstream should send."""

from __future__ import annotations

import pytest

from tests.functional.cases import Case
from tests.functional.conftest import StartGateway, StartRecorder
from tests.functional.hostile import check

HEAD = "POST {{API}} HTTP/1.1\r\nHost: {{HOST}}\r\nX-VX11-Token: {{TOKEN}}\r\n"
GET_UP = "{} {{{{API}}}}/up HTTP/1.1\r\nHost: {{{{HOST}}}}\r\nX-VX11-Token: {{{{TOKEN}}}}\r\n\r\n"
LENGTH = "Content-Length: {{LEN}}\r\n"

# (fields and body, allowed statuses, whether the upstream may see the whole request)
BODIES: dict[str, tuple[str, tuple[str, ...], bool]] = {
    "empty": ("Content-Length: 0\r\n\r\n", ("200",), True),
    "one-byte": (LENGTH + "\r\nx", ("200",), True),
    "crlf-only": (LENGTH + "\r\n\r\n\r\n", ("200",), True),
    "looks-like-request": (LENGTH + "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", ("200",), True),
    "looks-like-reply": (LENGTH + "\r\nHTTP/1.1 200 OK\r\n\r\n", ("200",), True),
    "looks-like-chunks": (LENGTH + "\r\n5\r\nhello\r\n0\r\n\r\n", ("200",), True),
    "gzip-declared": ("Content-Encoding: gzip\r\n" + LENGTH + "\r\n\x1f\x8b\x08broken", ("200",), True),
    "deflate-declared": ("Content-Encoding: deflate\r\n" + LENGTH + "\r\nx\x9cbroken", ("200",), True),
    "br-declared": ("Content-Encoding: br\r\n" + LENGTH + "\r\nbroken", ("200",), True),
    "zstd-declared": ("Content-Encoding: zstd\r\n" + LENGTH + "\r\n\x28\xb5\x2f\xfdbroken", ("200",), True),
    "unknown-encoding": ("Content-Encoding: nope, gzip\r\n" + LENGTH + "\r\nx", ("200",), True),
    "bad-charset": ("Content-Type: text/plain; charset=nope\r\n" + LENGTH + "\r\n\xff", ("200",), True),
    "bad-content-type": ("Content-Type: ;;;\r\n" + LENGTH + "\r\nx", ("200",), True),
    "bad-multipart": ("Content-Type: multipart/form-data\r\n" + LENGTH + "\r\n--x", ("200",), True),
    "bad-json": ("Content-Type: application/json\r\n" + LENGTH + '\r\n{"', ("200",), True),
    "deep-json": ("Content-Type: application/json\r\n" + LENGTH + "\r\n{{REPEAT:[:50000}}", ("200",), True),
    "xml-entities": (
        "Content-Type: text/xml\r\n" + LENGTH + '\r\n<!DOCTYPE x [<!ENTITY a "b">]>',
        ("200",),
        True,
    ),
    "one-mib": (LENGTH + "\r\n{{REPEAT:x:1048576}}", ("200",), True),
    "one-mib-chunk": (
        "Transfer-Encoding: chunked\r\n\r\n100000\r\n{{REPEAT:x:1048576}}\r\n0\r\n\r\n",
        ("200",),
        True,
    ),
    "limit-exactly": (LENGTH + "\r\n{{REPEAT:x:8388608}}", ("200",), True),
    "limit-and-one": (LENGTH + "\r\n{{REPEAT:x:8388609}}", ("413", "close"), False),
    "limit-chunked": (
        "Transfer-Encoding: chunked\r\n\r\n800001\r\n{{REPEAT:x:8388609}}\r\n0\r\n\r\n",
        ("413", "close"),
        False,
    ),
    "limit-many-chunks": (
        "Transfer-Encoding: chunked\r\n\r\n{{REPEAT:100\r\n" + "y" * 256 + "\r\n:33000}}0\r\n\r\n",
        ("413", "close"),
        False,
    ),
    "declared-16-mib": ("Content-Length: 16777216\r\n\r\nx", ("413",), False),
    "declared-2-63": ("Content-Length: 9223372036854775807\r\n\r\nx", ("413", "400"), False),
    "declared-2-64": ("Content-Length: 18446744073709551616\r\n\r\nx", ("413", "400", "close"), False),
    "declared-99-digits": ("Content-Length: {{REPEAT:9:99}}\r\n\r\nx", ("413", "400", "close"), False),
    "declared-5000-digits": ("Content-Length: {{REPEAT:9:5000}}\r\n\r\nx", ("413", "400", "close"), False),
    "chunk-declared-1-gib": (
        "Transfer-Encoding: chunked\r\n\r\n40000000\r\nx",
        ("413", "400", "timeout", "408"),
        False,
    ),
    "chunk-declared-2-60": (
        "Transfer-Encoding: chunked\r\n\r\n1000000000000000\r\nx",
        ("413", "400", "timeout", "408", "close"),
        False,
    ),
    "short-then-nothing": ("Content-Length: 10\r\n\r\nhello", ("timeout", "408", "400"), False),
    "chunk-then-nothing": ("Transfer-Encoding: chunked\r\n\r\n5\r\nhel", ("timeout", "408", "400"), False),
}

# (reply, allowed statuses, what the client must not see)
REPLIES: dict[str, tuple[str, tuple[str, ...], list[str]]] = {
    "garbage": ("CANARY not http at all\r\n\r\n", ("502",), ["CANARY"]),
    "empty-line-first": ("\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ("200", "502"), []),
    "http2-version": ("HTTP/2.0 200 OK\r\nContent-Length: 6\r\n\r\nCANARY", ("502",), ["CANARY"]),
    "http09": ("<html>CANARY</html>", ("502",), ["CANARY"]),
    "status-word": ("HTTP/1.1 OK CANARY\r\n\r\n", ("502",), ["CANARY"]),
    "status-2-digits": ("HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", ("502",), []),
    "status-4-digits": ("HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", ("502",), []),
    "status-000": ("HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n", ("502",), []),
    "status-999": ("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", ("502", "999"), []),
    "status-minus": ("HTTP/1.1 -200 OK\r\nContent-Length: 0\r\n\r\n", ("502",), []),
    "no-reason": ("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", ("200", "502"), []),
    "reason-nul": ("HTTP/1.1 200 a\x00b\r\nContent-Length: 2\r\n\r\nok", ("200", "502"), ["\x00"]),
    "reason-cr": (
        "HTTP/1.1 200 a\rSet-Cookie: CANARY\r\nContent-Length: 2\r\n\r\nok",
        ("200", "502"),
        ["\r(?!\n)"],
    ),
    "lf-only-head": ("HTTP/1.1 200 OK\nContent-Length: 2\n\nok", ("200", "502"), ["(?<!\r)\nContent"]),
    "field-no-colon": ("HTTP/1.1 200 OK\r\nCANARY\r\nContent-Length: 2\r\n\r\nok", ("502",), ["CANARY"]),
    "field-space-colon": (
        "HTTP/1.1 200 OK\r\nX-A : CANARY\r\nContent-Length: 2\r\n\r\nok",
        ("200", "502"),
        ["X-A :"],
    ),
    "field-fold": (
        "HTTP/1.1 200 OK\r\nX-A: a\r\n CANARY\r\nContent-Length: 2\r\n\r\nok",
        ("200", "502"),
        ["\r\n CANARY"],
    ),
    "field-lf": (
        "HTTP/1.1 200 OK\r\nX-A: a\nSet-Cookie: CANARY\r\nContent-Length: 2\r\n\r\nok",
        ("200", "502"),
        ["(?<!\r)\n"],
    ),
    "field-nonascii-name": (
        "HTTP/1.1 200 OK\r\nX-\xe9: a\r\nContent-Length: 2\r\n\r\nok",
        ("200", "502"),
        ["X-\xe9"],
    ),
    "fields-10000": (
        "HTTP/1.1 200 OK\r\n{{REPEAT:X-H: v\r\n:100000}}Content-Length: 2\r\n\r\nok",
        ("502",),
        [],
    ),
    "cl-minus": ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nCANARY", ("502",), ["CANARY"]),
    "cl-word": ("HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\nCANARY", ("502",), ["CANARY"]),
    "cl-list-diff": ("HTTP/1.1 200 OK\r\nContent-Length: 2, 8\r\n\r\nokCANARY", ("502",), ["CANARY"]),
    "cl-dup-diff": (
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 8\r\n\r\nokCANARY",
        ("502",),
        ["CANARY"],
    ),
    "cl-overflow": (
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nCANARY",
        ("502",),
        ["CANARY"],
    ),
    "te-unknown": (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: CANARY\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ("200", "502"),
        ["CANARY"],
    ),
    "te-gzip-chunked": (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ("502", "200"),
        ["gzip"],
    ),
    "te-10": (
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ("200", "502"),
        [],
    ),
    "second-reply": (
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nCANARY",
        ("200",),
        ["CANARY"],
    ),
    "body-over-length": ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokCANARY", ("200",), ["CANARY"]),
    "204-with-body": ("HTTP/1.1 204 No\r\nContent-Length: 6\r\n\r\nCANARY", ("204", "502"), ["CANARY"]),
    "304-with-body": ("HTTP/1.1 304 No\r\nContent-Length: 6\r\n\r\nCANARY", ("304", "502"), ["CANARY"]),
    "101-unasked": (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nCANARY",
        ("502",),
        ["CANARY"],
    ),
    "100-unasked": (
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        ("100", "200"),
        [],
    ),
    "100-many": (
        "{{REPEAT:HTTP/1.1 100 Continue\r\n\r\n:5000}}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        ("100", "200", "502"),
        [],
    ),
    "connection-lists-cl": (
        "HTTP/1.1 200 OK\r\nConnection: Content-Length\r\nContent-Length: 2\r\n\r\nok",
        ("200", "502"),
        [],
    ),
    "connection-lists": (
        "HTTP/1.1 200 OK\r\nConnection: X-Gone\r\nX-Gone: CANARY\r\nContent-Length: 2\r\n\r\nok",
        ("200",),
        ["CANARY"],
    ),
    "hop-by-hop": (
        "HTTP/1.1 200 OK\r\nKeep-Alive: CANARY\r\nProxy-Authenticate: CANARY\r\nTrailer: CANARY\r\n"
        "Upgrade: CANARY\r\nContent-Length: 2\r\n\r\nok",
        ("200",),
        ["CANARY"],
    ),
    "nul-in-chunk-size": (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\x00\r\nok\r\n0\r\n\r\n",
        ("200", "502", "close"),
        [],
    ),
    "chunk-ext": (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;CANARY\r\nok\r\n0\r\n\r\n",
        ("200",),
        ["CANARY"],
    ),
}
# Replies that break off: what the client got must not look whole.
BROKEN = {
    "short-length": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok",
    "no-last-chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
    "bad-chunk-size": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\ng\r\n",
    "bad-chunk-end": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokXX0\r\n\r\n",
    "short-chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nok",
}
CASES = [
    *(
        Case(
            id=f"body-{name}",
            request=HEAD + rest,
            allow=allow,
            upstream={"max_requests": 1, "no_leftover": True, "not_complete": not whole},
            client={"max_responses": 1},
            max_seconds=5,
        )
        for name, (rest, allow, whole) in BODIES.items()
    ),
    *(
        Case(
            id=f"reply-{name}",
            request=GET_UP.format("GET"),
            reply=reply,
            close=True,
            allow=allow,
            upstream={"max_requests": 2},
            client={"max_responses": 1, "must_not_match": absent, "next_must_not_match": ["CANARY"]},
            max_seconds=5,
        )
        for name, (reply, allow, absent) in REPLIES.items()
    ),
    *(
        Case(
            id=f"kept-open-{name}",
            request=GET_UP.format(method),
            reply=reply,
            allow=("200", "204", "304", "502"),
            client={"max_responses": 1, "must_not_match": ["CANARY"], "next_must_not_match": ["CANARY"]},
        )
        for name, method, reply in (
            ("head-with-body", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nCANARY"),
            (
                "head-with-chunks",
                "HEAD",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nCANARY\r\n0\r\n\r\n",
            ),
            (
                "head-then-reply",
                "HEAD",
                "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nHTTP/1.1 200 CANARY\r\n\r\n",
            ),
            (
                "204-with-body",
                "GET",
                "HTTP/1.1 204 No\r\n\r\nHTTP/1.1 200 CANARY\r\nContent-Length: 0\r\n\r\n",
            ),
            ("304-with-body", "GET", "HTTP/1.1 304 No\r\nContent-Length: 6\r\n\r\nCANARY"),
            (
                "rest-after-length",
                "GET",
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 CANARY\r\n\r\n",
            ),
            (
                "rest-after-chunks",
                "GET",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
                "HTTP/1.1 200 CANARY\r\n\r\n",
            ),
        )
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_hostile_bodies(case: Case, start_gateway: StartGateway, start_recorder: StartRecorder) -> None:
    """No body and no reply makes the gateway fail, mix up exchanges or pass on what is not HTTP."""
    await check(case, start_gateway, start_recorder)


@pytest.mark.parametrize("name", BROKEN)
async def test_broken_reply_is_seen_as_broken(
    name: str, start_gateway: StartGateway, start_recorder: StartRecorder
) -> None:
    """A reply that breaks off is either a 502 or visibly cut."""
    case = Case(
        id=name,
        request=GET_UP.format("GET"),
        reply=BROKEN[name],
        close=True,
        allow=("200", "502", "close"),
        client={"incomplete": True, "max_responses": 1},
    )
    await check(case, start_gateway, start_recorder)
