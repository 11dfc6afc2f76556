"""How an EventSource comes back after its stream ended, with which id, and when it does not."""

from __future__ import annotations

import pytest

from tests.browser.stage import (
    LAST,
    LOST,
    NO_CONTENT,
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
from tests.fakes.chromium import CONSTRUCTORS, Page, Source

pytestmark = pytest.mark.parametrize("page", CONSTRUCTORS, indirect=True)

SOON = b"retry: 1\n"
BACK = streaming(LAST, ending=Ending.END)

# By name: the bytes before the end, what a page gets of them, and the ids that the browser comes back with.
IDS: dict[str, tuple[bytes, Told, list[str]]] = {
    "none": (b"data: 1\n\n", [("message", "1", "")], []),
    "some": (b"id: 7\ndata: 1\n\n", [("message", "1", "7")], ["7"]),
    "alone": (b"id: 7\n\n", [], ["7"]),
    "utf-8": ("id: é€😀\ndata: 1\n\n".encode(), [("message", "1", "é€😀")], ["é€😀"]),
    "latin": ("id: ÿ\ndata: 1\n\n".encode(), [("message", "1", "ÿ")], ["ÿ"]),
    "punctuation": (b'id: a, b;c="d":e%f\n\n', [], ['a, b;c="d":e%f']),
    "long": (b"id: " + b"x" * 4000 + b"\n\n", [], ["x" * 4000]),
    "last": (b"id: 1\nid: 2\n\nid: 3\ndata: 1\n\n", [("message", "1", "3")], ["3"]),
    "reset": (b"id: 1\n\nid\ndata: 1\n\n", [("message", "1", "")], []),
    "reset-alone": (b"id: 1\ndata: 1\n\nid:\n\n", [("message", "1", "1")], []),
    "nul": (b"id: 1\n\nid: 2\0\ndata: 1\n\n", [("message", "1", "1")], ["1"]),
    "unfinished": (b"id: 1\ndata: 1\n\nid: 2\ndata: 2\n", [("message", "1", "1")], ["1"]),
    "unfinished-line": (b"id: 1\ndata: 1\r\rid: 2\rdata: 2", [("message", "1", "1")], ["1"]),
    "unfinished-cr": (b"id: 1\ndata: 1\n\nid: 2\ndata: 2\r", [("message", "1", "1")], ["1"]),
    "unfinished-character": (b"id: 1\ndata: 1\n\ndata: \xe2\x82", [("message", "1", "1")], ["1"]),
}

FIRST = SOON + b"id: 1\ndata: 1\n\nid: 2\ndata: 2"
LENGTH = b"HTTP/1.1 200 OK\r\n" + STREAM + b"Content-Length: %d\r\n\r\n"
UNFRAMED = b"HTTP/1.1 200 OK\r\n" + STREAM + b"\r\n"
ENDINGS = {
    "end": streaming(FIRST, b"", ending=Ending.END),
    "close": streaming(FIRST, b"", ending=Ending.CLOSE),
    "reset": streaming(FIRST, b"", ending=Ending.RESET),
    "length-end": Answer(LENGTH % (len(FIRST) + 1), (FIRST, b"2")),
    "length-close": Answer(LENGTH % 1000, (FIRST, b""), Ending.CLOSE),
    "length-reset": Answer(LENGTH % 1000, (FIRST, b""), Ending.RESET),
    "unframed-close": Answer(UNFRAMED, (FIRST, b""), Ending.CLOSE),
    "unframed-reset": Answer(UNFRAMED, (FIRST, b""), Ending.RESET),
}


@pytest.mark.parametrize("start_stage", ["direct", "gateway", "gateway-only"], indirect=True)
async def test_ids_come_back(stage: Stage, page: Page) -> None:
    """The last whole event's id comes back, byte for byte; nothing of an unfinished event counts."""
    for name, (data, _, _) in IDS.items():
        stage.answers[name] = [streaming(SOON + data, ending=Ending.END), BACK]
    await page.goto(stage.url())
    told = await perform(page, [(stage.stream(name), ()) for name in IDS])
    assert dict(zip(IDS, told, strict=True)) == {name: [*got, *LOST] for name, (_, got, _) in IDS.items()}
    came_back = {
        name: [
            value.encode("latin-1").decode() for value in stage.openings(name)[1].head.values("Last-Event-ID")
        ]
        for name in IDS
    }
    assert came_back == {name: ids for name, (_, _, ids) in IDS.items()}


async def test_id_stays(stage: Stage, page: Page) -> None:
    """An id comes back until another takes its place, and belongs to every event till then."""
    first, second, third = (SOON + b"id: 1\n\n", b"data: 2\n\n", b"id\ndata: 3\n\n")
    stage.answers["ids"] = [*(streaming(data, ending=Ending.END) for data in (first, second, third)), BACK]
    await page.goto(stage.url())
    (told,) = await perform(page, [(stage.stream("ids"), ())])
    assert told == [*LOST, ("message", "2", "1"), *LOST, ("message", "3", ""), *LOST]
    assert [e.head.values("Last-Event-ID") for e in stage.openings("ids")] == [[], ["1"], ["1"], []]


async def test_cut_in_an_event(stage: Stage, page: Page) -> None:
    """However a stream ends, the browser drops what is not whole and comes back for it."""
    stage.answers = {name: [answer, streaming(b"id: 2\ndata: 2\n\n")] for name, answer in ENDINGS.items()}
    stage.expect_errors()
    await page.goto(stage.url())
    for name in ENDINGS:
        source = await page.event_source(stage.stream(name))
        await source.data(1)
        stage.go(name)
        assert await source.data(2) == ["1", "2"], name
        assert [e.head.value("Last-Event-ID") for e in stage.openings(name)] == [None, "1"], name
        kinds = [noted.kind for noted in await source.log()]
        assert kinds == ["open", "message", "error", "open", "message"], name
        assert [noted.ready_state for noted in await source.until("error")] == [Source.CONNECTING], name
        await source.close()


async def test_retry(stage: Stage, page: Page) -> None:
    """A stream's `retry` says when the browser comes back, then and later; what is no number says nothing."""
    bogus = b"retry: 60000x\nretry: -60000\nretry: 60000.5\nretry:  60000\nretry: x60000\nRetry: 60000\n"
    stage.answers["late"] = [streaming(b"retry: 60000\n\n", ending=Ending.END)]
    stage.answers["soon"] = [streaming(SOON + bogus + b"\n", ending=Ending.END)] + [
        streaming(b"data: 1\n\n", ending=Ending.END)
    ] * 3
    await page.goto(stage.url())
    late = await page.event_source(stage.stream("late"))
    await late.until("error")
    soon = await page.event_source(stage.stream("soon"))
    assert (await soon.until("error", 5))[-1].ready_state == Source.CLOSED
    assert (len(stage.openings("soon")), len(stage.openings("late"))) == (5, 1)
    assert await late.ready_state() == Source.CONNECTING


async def test_retry_without_event(stage: Stage, page: Page) -> None:
    """A `retry` counts as soon as its line is read, in an event that never ends too."""
    stage.answers["retry"] = [streaming(SOON + b"data: 1\n", ending=Ending.END), BACK]
    await page.goto(stage.url())
    assert await perform(page, [(stage.stream("retry"), ())]) == [LOST]


async def test_answers_that_stop_it(stage: Stage, page: Page) -> None:
    """A browser that comes back to anything but a stream stays away, but for what it may come back after."""
    stops = {str(status): plain(f"{status} Stop") for status in (205, 400, 401, 403, 404, 410, 429, 500, 503)}
    stops |= {"204": NO_CONTENT, "html": plain("200 OK", b"Content-Type: text/html\r\n", b"<p>")}
    for name, stop in stops.items():
        stage.answers[name] = [streaming(SOON + b"data: 1\n\n", ending=Ending.END), stop]
    stage.expect_errors()
    await page.goto(stage.url())
    told = await perform(page, [(stage.stream(name), ()) for name in stops])
    last = {name: failed(page, 200 if name == "html" else int(name)) for name in stops}
    assert told == [[("message", "1", ""), *LOST, *last[name]] for name in stops]
    assert {name: len(stage.openings(name)) for name in stops} == {
        name: 1 + len(last[name]) for name in stops
    }
