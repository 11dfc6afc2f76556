"""Which answers open an EventSource, which end it for good, and how it follows redirects."""

from __future__ import annotations

import pytest

from tests.browser.stage import (
    LAST,
    LOST,
    NO_STATUS,
    STREAM,
    Answer,
    Ending,
    Stage,
    Told,
    failed,
    perform,
    plain,
    streaming,
)
from tests.fakes.behaviours import chunk, whole
from tests.fakes.chromium import CONSTRUCTORS, Page

pytestmark = pytest.mark.parametrize("page", CONSTRUCTORS, indirect=True)

BODY = b"data: 1\n\n" + LAST
CHUNKS = chunk(BODY) + chunk(b"")
OPENED: Told = [("message", "1", "")]

GOOD_TYPES = {
    "charset": b"text/event-stream; charset=utf-8",
    "charset-tight": b"text/event-stream;charset=UTF-8",
    "charset-quoted": b'text/event-stream; charset="utf-8"',
    "parameter": b"text/event-stream; x=y",
    "no-parameter": b"text/event-stream;",
    "bogus-parameter": b"text/event-stream;x bogus",
    "upper-case": b"TEXT/Event-STREAM",
    "spaces": b" \t text/event-stream \t ; charset=utf-8 \t",
}
BAD_TYPES = {
    "plain": b"text/plain",
    "plain-parameter": b"text/plain; text/event-stream",
    "longer": b"text/event-streams",
    "shorter": b"text/event",
    "x": b"text/x-event-stream",
    "slash": b"text/event-stream/x",
    "json": b"application/json",
    "ndjson": b"application/x-ndjson",
    "empty": b"",
}
BAD_STATUSES = (201, 202, 203, 205, 206, 400, 401, 403, 404, 410, 418, 429, 500, 501, 502, 503, 504)

# Unusual, and legal by RFC 9112.
GOOD_ANSWERS = {
    "length": Answer(whole(BODY, fields=STREAM)),
    "close-delimited": Answer(b"HTTP/1.1 200 OK\r\n" + STREAM + b"\r\n", (BODY,), Ending.CLOSE),
    "http-1.0": Answer(b"HTTP/1.0 200 OK\r\n" + STREAM + b"\r\n", (BODY,), Ending.CLOSE),
    "no-reason": Answer(b"HTTP/1.1 200 \r\n" + STREAM + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS),
    "other-reason": Answer(b"HTTP/1.1 200 No\r\n" + STREAM + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS),
    "name-case": Answer(
        b"HTTP/1.1 200 OK\r\ncONTENT-tYPE:text/event-stream\r\nTRANSFER-ENCODING:Chunked\r\n\r\n" + CHUNKS
    ),
    "early-hints": Answer(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n" + whole(BODY, fields=STREAM)
    ),
    "extensions": Answer(
        b"HTTP/1.1 200 OK\r\n" + STREAM + b"Transfer-Encoding: chunked\r\n\r\n"
        b"%x;a=b;c\r\n%b\r\n000;d\r\nX-Trailer: e\r\n\r\n" % (len(BODY), BODY)
    ),
}


def typed(content_type: bytes) -> Answer:
    """Answer with an event stream that is called something else."""
    return plain("200 OK", b"Content-Type:%b\r\n" % content_type, BODY)


def with_status(status: int) -> Answer:
    """Answer with an event stream and a status."""
    return plain(f"{status} Status", STREAM, b"" if status == 205 else BODY)


def moved(status: int, to: str) -> Answer:
    """Answer with a redirect."""
    return plain(f"{status} Moved", f"Location: {to}\r\n".encode())


@pytest.mark.parametrize("start_stage", ["direct", "gateway", "gateway-only"], indirect=True)
async def test_answers(stage: Stage, page: Page) -> None:
    """A 200 called event stream opens, whatever its head; all else does not."""
    good = {name: typed(value) for name, value in GOOD_TYPES.items()} | GOOD_ANSWERS
    bad = {name: typed(value) for name, value in BAD_TYPES.items()}
    bad |= {str(status): with_status(status) for status in BAD_STATUSES}
    bad |= {"no-type": plain("200 OK", body=BODY), "nowhere": plain("302 Found", STREAM)}
    stage.answers |= {name: [answer] for name, answer in (good | bad).items()}
    stage.expect_errors()
    names = [*good, *bad, "204"]
    await page.goto(stage.url())
    told = await perform(page, [(stage.stream(name), ()) for name in names])
    expected = dict.fromkeys(good, OPENED) | {name: failed(page, seen(stage, name)) for name in bad}
    assert dict(zip(names, told, strict=True)) == expected | {"204": LOST}
    openings = {name: len(expected.get(name, LOST)) for name in names}
    assert {name: len(stage.openings(name)) for name in names} == openings


def seen(stage: Stage, name: str) -> int:
    """Tell the status of a bad answer as the browser sees it; a route for streams only has its own."""
    status = 302 if name == "nowhere" else int(name) if name.isdecimal() else 200
    return 502 if stage.route == "only" and status < 400 else status


@pytest.mark.parametrize("route", ["free", "declared"])
async def test_redirects(route: str, stage: Stage, page: Page) -> None:
    """On a public route the browser follows redirects, to other origins too if these allow it."""
    anyone = b"Access-Control-Allow-Origin: *\r\n"
    targets = {
        "relative": "target",
        "query": f"/{route}/target?a=%C3%A9#part",
        "absolute": stage.url(f"/{route}/target"),
        "elsewhere": stage.url(f"/{route}/open", host="other.test"),
    } | {str(status): f"/{route}/target" for status in (301, 302, 303, 307, 308)}
    for name, to in targets.items():
        stage.answers[name] = [moved(int(name) if name.isdecimal() else 302, to)]
    stage.answers["target"] = [plain("200 OK", STREAM, BODY)] * len(targets)
    stage.answers["open"] = [plain("200 OK", STREAM + anyone, BODY)]
    stage.answers["closed"] = [moved(302, stage.url(f"/{route}/target", host="other.test"))]
    await page.goto(stage.url())
    told = await perform(page, [(f"/{route}/{name}", ()) for name in [*targets, "closed"]])
    assert told == [OPENED] * len(targets) + [failed(page, NO_STATUS)]
    assert f"/{route}/target?a=%C3%A9" in [e.head.target for e in stage.openings("target")]
    (elsewhere,) = stage.openings("open")
    assert elsewhere.head.value("Accept") == "text/event-stream"


async def test_reconnect_after_redirect(stage: Stage, page: Page) -> None:
    """A browser comes back to where the redirect led, with the id of the last event."""
    path = stage.stream("target")
    stage.answers["moved"] = [moved(302, path)]
    stage.answers["target"] = [
        streaming(b"retry: 1\nid: 1\ndata: 1\n\n", ending=Ending.END),
        streaming(LAST, ending=Ending.END),
    ]
    await page.goto(stage.url())
    assert await perform(page, [(stage.stream("moved"), ())]) == [[("message", "1", "1"), *LOST]]
    assert [e.head.value("Last-Event-ID") for e in stage.openings("target")] == [None, "1"]
    assert len(stage.openings("moved")) == 1


@pytest.mark.parametrize("start_stage", ["gateway-only"], indirect=True)
async def test_redirect_of_streams_only(stage: Stage, page: Page) -> None:
    """On a route for streams only a redirect is 502, and the browser goes nowhere."""
    statuses = (301, 302, 303, 307, 308)
    stage.answers |= {str(status): [moved(status, "/declared/target")] for status in statuses}
    stage.expect_errors()
    await page.goto(stage.url())
    told = await perform(page, [(f"/only/{status}", ()) for status in statuses])
    assert told == [failed(page, 502)] * len(statuses)
    assert stage.openings("target") == []
    assert stage.gateway is not None
    lines = [line for line in stage.gateway.logs.named("request.finished") if line["route"] == "only"]
    first = [(line["status"], line["code"]) for line in lines if line["status"] != 204]
    assert first == [(502, "upstream_redirect")] * len(statuses)


async def test_referrer_policy_of_redirects(stage: Stage, page: Page) -> None:
    """Behind a gateway's stream route no redirect tells on where the page was, token and all."""
    stage.answers |= {
        "moved": [moved(307, stage.stream("target"))],
        "target": [plain("200 OK", STREAM, BODY)],
    }
    await page.goto(stage.url("/?token=secret"))
    assert await perform(page, [(stage.stream("moved"), ())]) == [OPENED]
    (target,) = stage.openings("target")
    referer = None if stage.gateway else stage.url("/?token=secret")
    assert target.head.value("Referer") == referer
