"""How a browser reads event streams (WHATWG HTML, section 9.2.6), however the bytes come."""

from __future__ import annotations

import pytest

from tests.browser.stage import LAST, SSE_HEAD, Answer, Stage, Told, perform, streaming
from tests.fakes.behaviours import chunk
from tests.fakes.chromium import CONSTRUCTORS, Page

pytestmark = pytest.mark.parametrize("page", CONSTRUCTORS, indirect=True)

BOM = b"\xef\xbb\xbf"
PLACES = ["direct", "gateway", "gateway-only", "gateway-shared"]
TYPES = ("news", " news", "b", "données")

# By name: the bytes, and what a page gets of them, as (type, data, last id).
FORMATS: dict[str, tuple[bytes, Told]] = {
    "bom": (BOM + b"data: 1\n\n", [("message", "1", "")]),
    "two-boms": (BOM + BOM + b"data: 1\n\ndata: 2\n\n", [("message", "2", "")]),
    "later-bom": (b"data: 1\n\n" + BOM + b"data: 2\n\ndata: 3\n\n", [("message", d, "") for d in "13"]),
    "bom-in-data": (b"data: " + BOM + b"1\n\n", [("message", "\ufeff1", "")]),
    "bom-and-comment": (BOM + b": 1\n\ndata: 2\n\n", [("message", "2", "")]),
    "comments": (b":x\r:\0\n:\r\ndata:1\n:::\ndata:2\n: data:3\n:\n\n", [("message", "1\n2", "")]),
    "only-comments": (b":\n\n: beat\n\n:\r\n\r\n:\r\r", []),
    "long-comment": (b":" + b"x" * 100_000 + b"\ndata: 1\n\n", [("message", "1", "")]),
    "bare-data": (b"data\n\n", [("message", "", "")]),
    "bare-data-twice": (b"data\ndata\n\ndata:3\n\n", [("message", "\n", ""), ("message", "3", "")]),
    "empty-data": (b"data:\n\ndata: \n\n", [("message", "", "")] * 2),
    "many-lines": (b"data: 1\ndata\ndata:\ndata: 4\n\n", [("message", "1\n\n\n4", "")]),
    "leading-space": (b"data:  1\ndata:\t2\ndata: \ndata:3 \n\n", [("message", " 1\n\t2\n\n3 ", "")]),
    "colons": (b"data:a:b: c\ndata:::\n\n", [("message", "a:b: c\n::", "")]),
    "unknown-fields": (
        b"Data: 1\n data: 2\ndata : 3\ndat: 4\ndatas: 5\nx\n\ndata: 6\n\n",
        [("message", "6", "")],
    ),
    "line-ends": (b"data:1\rdata:2\ndata:3\r\ndata:4\r\n\r\n", [("message", "1\n2\n3\n4", "")]),
    "cr": (b"data:1\r\rdata:2\r\r\r\rdata:3\r\r", [("message", d, "") for d in "123"]),
    "crlf": (b"data:1\r\n\r\ndata:2\r\n\r\n", [("message", d, "") for d in "12"]),
    "mixed-ends": (b"data:1\n\rdata:2\r\n\rdata:3\n\r\ndata:4\r\r\n", [("message", d, "") for d in "1234"]),
    "no-line-ends": (
        "data:1\v2\f3\x1c4\x855\u20286\u2029\n\n".encode(),
        [("message", "1\v2\f3\x1c4\x855\u20286\u2029", "")],
    ),
    "nul-in-data": (b"data:\0 1\0\n\n", [("message", "\0 1\0", "")]),
    "nul-in-name": (b"\0data: 1\nda\0ta: 2\ndata\0: 3\n\ndata: 4\n\n", [("message", "4", "")]),
    "types": (
        b"event: news\ndata: 1\n\ndata: 2\n\nevent: b\nevent:news\ndata: 3\n\nevent:  news\ndata: 4\n\n",
        [("news", "1", ""), ("message", "2", ""), ("news", "3", ""), (" news", "4", "")],
    ),
    "empty-types": (
        b"event\ndata: 1\n\nevent:\ndata: 2\n\nevent: news\nevent\ndata: 3\n\n",
        [("message", d, "") for d in "123"],
    ),
    "type-alone": (b"event: news\n\ndata: 1\n\n", [("message", "1", "")]),
    "type-unheard": (b"event: other\ndata: 1\n\ndata: 2\n\n", [("message", "2", "")]),
    "type-error": (b"event: error\ndata: 1\n\ndata: 2\n\n", [("error", "1", ""), ("message", "2", "")]),
    "type-utf-8": ("event: données\ndata: 1\n\n".encode(), [("données", "1", "")]),
    "id-stays": (b"id: 1\ndata: 1\n\ndata: 2\n\n", [("message", d, "1") for d in "12"]),
    "id-alone": (b"id: 1\n\ndata: 2\n\n", [("message", "2", "1")]),
    "id-reset": (b"id: 1\ndata: 1\n\nid\ndata: 2\n\n", [("message", "1", "1"), ("message", "2", "")]),
    "id-empty": (b"id: 1\ndata: 1\n\nid:\ndata: 2\n\n", [("message", "1", "1"), ("message", "2", "")]),
    "id-last-wins": (b"id: 1\nid: 2\ndata: 1\nid:  3 \n\n", [("message", "1", " 3 ")]),
    "id-with-nul": (b"id: 1\n\nid: 2\0\nid: \0\nid:\0 3\ndata: 1\n\n", [("message", "1", "1")]),
    "id-other-case": (b"ID: 1\nId: 2\ndata: 1\n\n", [("message", "1", "")]),
    "id-utf-8": ("id: é€😀\ndata: 1\n\n".encode(), [("message", "1", "é€😀")]),
    "retry": (b"retry: 1\nretry: x\nretry: -1\nretry: 1.5\ndata: 1\nretry: 7\n\n", [("message", "1", "")]),
    "utf-8": ("data: é€😀\u0301\U0010ffff\n\n".encode(), [("message", "é€😀\u0301\U0010ffff", "")]),
    "not-utf-8": (
        b"data: \xff1\xc32\xed\xa0\x803\xf0\x9f\x984\xc0\x80\n\n",
        [("message", "\ufffd1\ufffd2\ufffd\ufffd\ufffd3\ufffd4\ufffd\ufffd", "")],
    ),
    "blank-lines": (b"\n\r\r\n\n\n\r\rdata: 1\n\n\n\n\n\ndata: 2\n\n", [("message", d, "") for d in "12"]),
}

SPLIT = "data: é€😀\r\ndata:2\rdata\n:c\r\nevent: news\r\nid: €1\r\n\r\n".encode()


@pytest.mark.parametrize("framing", ["one-chunk", "chunk-a-byte"])
@pytest.mark.parametrize("start_stage", PLACES, indirect=True)
async def test_formats(framing: str, stage: Stage, page: Page) -> None:
    """Every stream gives the events that the standard says, in one chunk and in as many as it has bytes."""
    for name, (data, _) in FORMATS.items():
        size = len(data + LAST) if framing == "one-chunk" else 1
        stage.answers[name] = [in_chunks(data + LAST, size)]
    await page.goto(stage.url())
    told = await perform(page, [(stage.stream(name), TYPES) for name in FORMATS])
    assert dict(zip(FORMATS, told, strict=True)) == {name: events for name, (_, events) in FORMATS.items()}


def in_chunks(data: bytes, size: int) -> Answer:
    """Answer with one stream in chunks of a size, and its end."""
    chunks = [chunk(data[at : at + size]) for at in range(0, len(data), size)]
    return Answer(SSE_HEAD, (b"".join(chunks) + chunk(b""),))


@pytest.mark.parametrize("start_stage", PLACES, indirect=True)
async def test_split_at_every_byte(stage: Stage, page: Page) -> None:
    """An event is the same wherever its bytes are cut, also if the browser has read all before the cut."""
    mark = b"event: mark\ndata\n\n"
    pieces = [b""]
    for at in range(1, len(SPLIT)):
        pieces[-1] += mark + SPLIT[:at]
        pieces.append(SPLIT[at:])
    stage.answers["split"] = [streaming(*pieces)]
    await page.goto(stage.url())
    source = await page.event_source(stage.stream("split"), "mark", "news")
    for count in range(1, len(SPLIT)):
        await source.until("mark", count)
        stage.go("split")
    news = await source.until("news", len(SPLIT) - 1)
    assert {(noted.data, noted.last_event_id) for noted in news} == {("é€😀\n2\n", "€1")}
    assert len(news) == len(SPLIT) - 1


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("start_stage", PLACES, indirect=True)
async def test_split_bom(at: int, stage: Stage, page: Page) -> None:
    """A byte order mark that comes in two parts is still one."""
    data = BOM + b"data: 1\n\n"
    stage.answers["bom"] = [streaming(data[:at], data[at:])]
    await page.goto(stage.url())
    source = await page.event_source(stage.stream("bom"))
    await source.until("open")
    stage.go("bom")
    assert await source.data(1) == ["1"]
