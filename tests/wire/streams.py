"""Event streams of every kind, and a slow reading of them that follows the standard word by word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import strategies as st

BOM = b"\xef\xbb\xbf"
LARGEST_RETRY = 2**31 - 1
LINE_END = re.compile("\r\n|\r|\n")

HOSTILE = {
    "empty": b"",
    "one": b"data: a\n\n",
    "several": b"data: a\n\ndata: b\n\n: c\n\ndata\n\n",
    "cr": b"data: a\r\rid: 1\rdata: b\r\r",
    "crlf": b"data: a\r\n\r\nid: 1\r\ndata: b\r\n\r\n",
    "mixed line ends": b"data: a\r\n\ndata: b\r\r\ndata: c\n\r\ndata: d\n\rdata: e\r\n\r",
    "cr, then lf": b"id: 1\r\n\ndata: a\r\n\n\r",
    "cr in a whole event": b"\ndata: a\rid: 1\n\n",
    "crs in a whole event": b"\ndata: a\r\rdata: b\n\n",
    "bom": BOM + b"data: a\n\n",
    "bom alone": BOM,
    "half a bom": BOM[:2] + b"data: a\n\ndata: b\n\n",
    "two boms": BOM + BOM + b"data: a\n\ndata: b\n\n",
    "bom after a blank line": b"\n" + BOM + b"data: a\n\n",
    "bom in the middle": b"data: a\n\n" + BOM + b"data: b\n\nid:" + BOM + b"\n\n",
    "bom before a line end": BOM + b"\r\ndata: a\r\n\r\n",
    "comments": b":\n: c\n\n:data: a\ndata: b\n:\n\n: d\r: e\r\ndata: f\n: g\n\n",
    "one comment": b": c\n",
    "nul in id": b"id: 1\ndata: a\n\nid: 2\0\ndata: b\n\nid: 3\0\nid: 4\n\nid: 5\nid: \0\ndata\n\n",
    "id reset": b"id: 1\ndata: a\n\nid\ndata: b\n\nid: 2\n\nid:\ndata: c\n\n",
    "id reset in one block": b"data: a\nid: 1\nid\n\nid\nid: 2\ndata: b\n\n",
    "id without data": b"id: 1\n\ndata: a\n\n",
    "id without a blank line": b"id: 1\n\nid: 2\n",
    "spaces": b"id:  1 \ndata:  a\n data: b\ndata : c\n\n id: 2\ndata:\t\n\nid:\t3\n\n",
    "names alike": b"idea: 1\nid2: 2\ndatabase: a\ndat: b\nretryx: 1\nretryx9\n\ndatabase\n\nid\n\nida\n\n",
    "capitals": b"Data: a\nID: 1\nRETRY: 5\n\n",
    "no colon": b"data\n\ndata\ndata\n\nid\nevent\nretry\nfoo\n\n",
    "no value": b"data:\n\ndata: \n\nevent:\ndata:\n\nretry:\n\n",
    "colons": b"data:a:b\nid:c:d\n\ndata::\n\n",
    "types": b"event: x\ndata: a\n\nevent: y\n\ndata: b\n\nevent: z\nevent\ndata: c\n\n",
    "retry": b"retry: 10\n\nretry:20\nretry: 3x\nretry: -4\nretry: +5\nretry:  6\nretry: 7 \n\n",
    "retry of other digits": "retry: 12\n\nretry: ٣\n\nretry: ²\n\n".encode(),
    "retry without a blank line": b"retry: 10\nretry: 2",
    "retry, huge": b"retry: 0000000000000000000000007\n\nretry: 4294967296\n\nretry: 2147483647\n\n",
    "retry, thousands of digits": b"retry: " + b"9" * 5000 + b"\n\n",
    "retry, zero": b"retry: 000\ndata: a\n\n",
    "unicode": "id: ñandú\ndata: “𝄞” €\nevent: é\n\n\u2028data: a\u2028\u0085\x0b\x0c\x1c\n\n".encode(),
    "not utf-8": b"id: \xff\xe2\x82\ndata: \xc3\n\nid: \xed\xa0\x80\xf0\x9f\x98\n\nid: \xc3\r\r\xa9\n\n",
    "long lines": b"data: " + b"a" * 300 + b"\nid: " + b"1" * 300 + b"\n:" + b"b" * 300 + b"\n\n",
    "blank lines": b"\n\r\n\r\n\n\ndata: a\n\n\n\ndata: b\n\n\n\n\ndata: c\n\n\n",
    "unfinished event": b"data: a\n\nid: 1\nretry: 5\ndata: b\n",
    "unfinished line": b"data: a\n\nid: 1\nretry: 5\ndata: b",
    "unfinished letter": b"\ndata: a\nb",
    "unfinished name": b"data: a\n\nid: 1\n\ni",
    "nul": b"\0\n\ndata: \0\nda\0ta: b\n\n",
}

_TOKENS = [
    BOM,
    BOM[:1],
    BOM[1:],
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b":",
    b" ",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xa9",
]
_FIELDS = [b"data", b"id", b"retry", b"event", b"data: a", b"id: 1", b"id:2", b"retry: 3", b": c", b"x", b"7"]
_WHOLE = [
    b"data: a\n\n",
    b"id: 4\ndata: b\n\n",
    b"event: e\nid: 5\ndata\n\n",
    b": c\n\n",
    b"\nid\ndata: d\n\n",
]
STREAMS = st.lists(st.sampled_from([*_TOKENS, *_FIELDS, *_WHOLE]), max_size=24).map(b"".join)
CUTS = st.lists(st.integers(0, 200), max_size=8)


@dataclass(frozen=True)
class Event:
    """An event as a page gets it."""

    type: str
    data: str
    last_id: str


@dataclass(frozen=True)
class Reading:
    """What a browser makes of a stream."""

    events: list[Event]
    last_id: str
    retry: int | None
    is_between: bool


def read(stream: bytes) -> Reading:
    """Read all of a stream the slow way."""
    *lines, unfinished = LINE_END.split(stream.removeprefix(BOM).decode("utf-8", "replace"))
    events: list[Event] = []
    block: list[tuple[str, str]] = []
    id_buffer = last_id = ""
    retry = None
    for line in lines:
        name, value = _field(line)
        if line and name:
            block.append((name, value))
        if name == "id" and "\0" not in value:
            id_buffer = value
        if name == "retry" and re.fullmatch("[0-9]+", value):
            retry = min(int("".join(value.lstrip("0")[:20]) or "0"), LARGEST_RETRY)
        if not line:
            last_id = id_buffer
            events += _dispatched(block, last_id)
            block = []
    in_bom = stream in {BOM[:1], BOM[:2]}
    return Reading(events, last_id, retry, is_between=not unfinished and not block and not in_bom)


def _field(line: str) -> tuple[str, str]:
    if ":" not in line:
        return line, ""
    name, value = line.split(":", 1)
    return name, value[1:] if value.startswith(" ") else value


def _dispatched(block: list[tuple[str, str]], last_id: str) -> list[Event]:
    data = [value for name, value in block if name == "data"]
    types = [value for name, value in block if name == "event"]
    kind = (types[-1] if types else "") or "message"
    return [Event(kind, "\n".join(data), last_id)] if data else []


def cut(stream: bytes, places: Iterable[int]) -> list[bytes]:
    """Cut a stream at these places."""
    ends = [0, *sorted({place for place in places if 0 < place < len(stream)}), len(stream)]
    return [stream[begin:end] for begin, end in pairwise(ends)]


def every_cut(stream: bytes) -> Iterator[list[bytes]]:
    """Cut a stream in two at every place, and into its bytes."""
    yield from (cut(stream, [place]) for place in range(len(stream) + 1))
    yield cut(stream, range(len(stream)))
