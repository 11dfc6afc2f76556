"""What a stream may hold, however hostile: it arrives exactly, and the page goes on answering."""

from __future__ import annotations

import pytest

from tests.browser.client_pages import EVENTS, SCRIPT
from tests.browser.client_scene import Scene
from tests.browser.client_tabs import Client, Tab
from tests.browser.stage import SSE_HEAD, Answer, Ending, streaming
from tests.fakes.behaviours import chunk
from tests.functional.running import TOKEN

MIB = 1024 * 1024
TRIALS = 3  # a busy machine makes tasks long that are not
MARKUP = "<script>hit()</script><img src=x onerror='hit()'><svg/onload=hit()>${hit()}{{hit()}}&lt;"
TEXTS = {
    "markup": MARKUP,
    "nul": "a\0b\0",
    "emoji": "👩‍👩‍👧‍👦 🇵🇹 e\u0301 \u202eabc\u202c \U0010ffff",
    "controls": "\x01\x08\x0b\x0c\x1b[31m\x7f\x85\u2028\u2029\ufeff",
    "spaces": "   \t  ",
    "fields": ":data: id: event: retry: 1",
    "json": '{"__proto__": {"hit": 1}, "from": "", "open": "7", "failure": {"final": true}}',
}
TYPES = ["__proto__", "constructor", "toString", "close", "a b", "é", "<b>", "readyState"]
RAW = {
    "line ends": (b"data: a\rdata: b\ndata: c\r\n\r\ndata: d\r\r", ["a\nb\nc", "d"]),
    "byte order mark": (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\ndata: c\n\n", ["a", "c"]),
    "not UTF-8": (b"data: a\xff\xc3(\xed\xa0\x80\n\n", ["a\ufffd\ufffd(\ufffd\ufffd\ufffd"]),
    "no data": (b"event: x\nid: 1\n\ndata\n\ndata:\ndata:\n\n", ["", "\n"]),
    "nothing known": (b"Data: a\n data: b\ndata : c\nfoo\n\ndata:d\ndata:  e\n\n", ["d\n e"]),
    "never finished": (b"data: a\n\ndata: b\n", ["a"]),
}

# Notes every task of the page's main thread that took longer than 50 ms, in ms.
WATCH = """() => {
  window.longTasks = [];
  new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((e) => e.duration)))
    .observe({type: "longtask", buffered: true});
}"""
# Reads so many events, and tells their numbers and the longest task meanwhile.
BURST = """async ([script, url, token, count]) => {
  const {EphemeralEventSource} = await import(script);
  const source = new EphemeralEventSource(url, {issuePath: "/token", token: () => token}), numbers = [];
  window.longTasks = [];
  await new Promise((done) => {
    source.onmessage = ({data}) => { if (numbers.push(Number(data)) === count) done(); };
  });
  await new Promise((done) => setTimeout(done, 50));
  source.close();
  return [numbers, Math.max(0, ...window.longTasks)];
}"""
LONGEST = """() => new Promise((done) => setTimeout(() => done(Math.max(0, ...window.longTasks))))"""


@pytest.fixture
async def scene(scene: Scene) -> Scene:
    """A started scene."""
    await scene.start()
    return scene


async def watched(scene: Scene) -> Tab:
    """Open a tab whose long tasks are noted, and that knows when markup comes alive."""
    tab = await scene.tab()
    await tab.do("() => { window.hits = 0; window.hit = () => { window.hits += 1; }; }")
    await tab.do(WATCH)
    return tab


async def told(client: Client) -> list[str | None]:
    """Tell the data of all messages up to the event `end`."""
    await client.until("end")
    return [noted.data for noted in await client.log() if noted.kind == "message"]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_text(text: str, scene: Scene) -> None:
    """It comes as it was sent, and stays text."""
    scene.streams.answers["events"] = [streaming(f"data: {text}\n\nevent: end\ndata\n\n".encode())]
    tab = await watched(scene)
    client = await tab.client(EVENTS, "end")
    assert await told(client) == [text]
    assert await tab.do("() => [window.hits, {}.hit ?? null]") == [0, None]


@pytest.mark.parametrize(("data", "expected"), RAW.values(), ids=RAW)
async def test_bytes(data: bytes, expected: list[str], scene: Scene) -> None:
    """They are read by the platform's rules, however they are cut into pieces."""
    end = b"\n\nevent: end\ndata\n\n"
    scene.streams.answers["events"] = [streaming(data + end)]
    tab = await scene.tab()
    whole = await told(await tab.client(EVENTS, "end"))
    pieces = [data[at : at + 1] for at in range(len(data))]
    scene.streams.answers["events"] = [streaming(), streaming(b"", *pieces, end)]
    for _ in (*pieces, end):
        scene.streams.go("events")
    assert await told(await tab.client(EVENTS, "end")) == whole
    assert whole[: len(expected)] == expected
    assert whole[len(expected) :] in ([], ["b"])  # what `end` finished


@pytest.mark.parametrize("name", TYPES)
async def test_type(name: str, scene: Scene) -> None:
    """An event of any type reaches who listens for it, and nobody else."""
    data = f"event: {name}\ndata: mine\n\nevent: end\ndata\n\n".encode()
    scene.streams.answers["events"] = [streaming(data)]
    client = await scene.client(EVENTS, name, "end")
    await client.until("end")
    log = [(noted.kind, noted.data) for noted in await client.log()]
    assert log == [("open", None), (name, "mine"), ("end", "")]


@pytest.mark.parametrize("name", ["open", "error"])
async def test_type_of_its_own_events(name: str, scene: Scene) -> None:
    """A backend can send events of these types too; the client goes on."""
    data = f"event: {name}\ndata: not mine\n\ndata: after\n\n".encode()
    scene.streams.answers["events"] = [streaming(data)]
    client = await scene.client()
    assert await client.data(1) == ["after"]
    (fake,) = [noted for noted in await client.log() if noted.data == "not mine"]
    assert (fake.kind, fake.code, fake.ready_state) == (name, None, 1)


@pytest.mark.parametrize("last", ["a b&last_event_id=9#?+%41/", "ä😀", "0", " ", "x" * 2000, "nul\0"])
async def test_id(last: str, scene: Scene) -> None:
    """It comes back to the backend byte for byte; one with a NUL counts for nothing."""
    one = f"id: {last}\ndata: one\n\n".encode()
    scene.streams.answers["events"] = [streaming(one, ending=Ending.END), streaming(b"data: two\n\n")]
    client = await scene.client()
    first, second = await client.until("message", 2)
    expected = "" if "\0" in last else last
    assert [first.last_event_id, second.last_event_id] == [expected] * 2
    sent = scene.streams.openings("events")[1].head.values("Last-Event-ID")
    # A field has no spaces around its value.
    assert [value.encode("latin-1").decode() for value in sent] == [expected.strip()] * bool(expected)


async def test_large_line(scene: Scene) -> None:
    """A line of five MiB in pieces comes whole, between small ones, and the page answers meanwhile."""
    large = ("0123456789abcd\u20ac" * (5 * MIB // 17)).encode()
    step = MIB // 4 + 1
    parts = (large[at : at + step] for at in range(0, len(large), step))
    pieces = [b"data: before\n\ndata: ", *parts]
    scene.streams.answers["events"] = [streaming(*pieces, b"\n\ndata: after\n\n")]
    tab = await watched(scene)
    client = await tab.client()
    await client.until("message")
    for _ in range(len(pieces)):
        scene.streams.go("events")
    await client.do("(client) => client.until('message', 3).then(() => {})")
    same = "(client) => client.log.map((entry) => entry[1])[2] === '0123456789abcd\u20ac'.repeat(%d)"
    assert await client.do(same % (5 * MIB // 17))
    assert await client.do("(client) => client.log[3][1]") == "after"
    assert await tab.do(LONGEST) <= 1000


async def test_burst(scene: Scene) -> None:
    """Ten thousand small events in one chunk come each once and in order, and block nobody for long."""
    count = 10_000
    data = b"".join(b"id: %d\ndata: %d\n\n" % (number, number) for number in range(count))
    burst = Answer(SSE_HEAD + chunk(b": hello\n\n"), (b"", data), Ending.SILENCE, chunked=True)
    scene.streams.answers["events"] = [burst] * TRIALS
    tab, longest = await watched(scene), []
    for _ in range(TRIALS):
        scene.streams.go("events")
        came, took = await tab.do(BURST, [SCRIPT, EVENTS, TOKEN, count])
        assert came == list(range(count))
        longest.append(took)
    assert min(longest) <= 200, longest


async def test_events_without_end(scene: Scene) -> None:
    """A line that never ends is no reason to stop the page."""
    pieces = [b"data: " + b"x" * MIB, *[b"y" * MIB] * 15]
    scene.streams.answers["events"] = [streaming(*pieces, ending=Ending.RESET), streaming(b"data: two\n\n")]
    scene.gateway.errors_expected = True
    tab = await watched(scene)
    client = await tab.client()
    for _ in pieces:
        scene.streams.go("events")
    assert await client.data(1) == ["two"]
    assert await tab.do(LONGEST) <= 1000
