"""What a gateway adds to streams, as a browser takes it: beats, `retry`, last events, replay."""

from __future__ import annotations

import pytest

from tests.browser.conftest import StartCable, StartStage
from tests.browser.stage import Ending, Stage, Told, perform, streaming
from tests.fakes.chromium import CONSTRUCTORS, Context, Page, Source

pytestmark = pytest.mark.parametrize("page", CONSTRUCTORS, indirect=True)

PLACES = ["gateway", "gateway-only"]
BOM = b"\xef\xbb\xbf"
LOST: Told = [("error", None, None)]
HALF = (b"id: 1\ndata: 1\n\nid: 2\nda", b"ta: 2\n\n")

# Tells the bytes of a stream up to its second beat.
READ = """async (url) => {
  const reader = (await fetch(url)).body.getReader(), decoder = new TextDecoder();
  let text = "";
  while (text.split(": heartbeat\\n\\n").length < 3) text += decoder.decode((await reader.read()).value);
  await reader.cancel();
  return text;
}"""


@pytest.mark.parametrize("start_stage", PLACES, indirect=True)
async def test_heartbeats(start_stage: StartStage, page: Page) -> None:
    """Beats reach a page between events, and no event is another for them, not one that waits half done."""
    stage = await start_stage(stream="heartbeat: 1s")
    stage.answers |= {"half": [streaming(*HALF)], "between": [streaming(b"data: 1\n\n", b"data: 2\n\n")]}
    stage.answers |= {"bom": [streaming(b"", BOM + b"data: 1\n\n")], "read": [streaming(b"data: 1\n\n")]}
    await page.goto(stage.url())
    sources = {name: await page.event_source(stage.stream(name)) for name in ("half", "between")}
    bom = await page.event_source(stage.stream("bom"))
    await bom.until("open")
    for source in sources.values():
        await source.data(1)
    text = await page.evaluate(READ, stage.stream("read"))
    assert text == "data: 1\n\n: heartbeat\n\n: heartbeat\n\n"
    for name, source in sources.items():
        stage.go(name)
        assert await source.data(2) == ["1", "2"]
    assert [noted.last_event_id for noted in await sources["half"].until("message", 2)] == ["1", "2"]
    stage.go("bom")
    assert await bom.data(1) == ["1"]


@pytest.mark.parametrize("start_stage", PLACES, indirect=True)
async def test_retry_of_the_gateway(start_stage: StartStage, page: Page) -> None:
    """A route's `retry` brings the browser back as soon as it says, if the upstream says nothing of it."""
    stage = await start_stage(stream="retry: 1ms")
    stage.answers["late"] = [streaming(b"retry: 60000\ndata: 1\n\n", ending=Ending.END)]
    stage.answers["soon"] = [
        streaming(data, ending=Ending.END)
        for data in (b"data: 1\n\n", BOM + b"data: 2\n\n", b"\ndata: 3\n\n", b"")
    ]
    await page.goto(stage.url())
    late = await page.event_source(stage.stream("late"))
    await late.until("error")
    (told,) = await perform(page, [(stage.stream("soon"), ())])
    assert told == [entry for data in "123" for entry in (("message", data, ""), *LOST)] + [*LOST, *LOST]
    assert (len(stage.openings("late")), await late.ready_state()) == (1, Source.CONNECTING)


@pytest.mark.parametrize("start_stage", [*PLACES, "gateway-shared"], indirect=True)
async def test_last_event(stage: Stage, page: Page) -> None:
    """A gateway that stops tells pages why, but never by the end of an event that has not ended."""
    stage.answers |= {"half": [streaming(*HALF)], "between": [streaming(b"id: 1\ndata: 1\n\n")]}
    await page.goto(stage.url())
    names = ("half", "between")
    half, between = [await page.event_source(stage.stream(name), "draining") for name in names]
    for source in (half, between):
        await source.data(1)
    assert stage.gateway is not None
    await stage.gateway.shut_down()
    (last,) = await between.until("draining")
    assert (last.data, last.last_event_id) == ('{"reason": "draining"}', "1")
    await half.until("error")
    told = [noted for noted in await half.log() if noted.data is not None]
    assert [noted.data for noted in told if noted.kind == "message"] == ["1"]
    assert {noted.last_event_id for noted in told} == {"1"}


@pytest.mark.parametrize("start_stage", PLACES, indirect=True)
async def test_last_event_id_in_the_url(stage: Stage, page: Page) -> None:
    """A new EventSource says where it goes on; its own id counts as soon as it has one."""
    stage.answers["ids"] = [
        streaming(b"retry: 1\ndata: 1\n\n", ending=Ending.END),
        streaming(b"id: 8\ndata: 2\n\n", ending=Ending.END),
        streaming(b"data: 3\n\n"),
    ]
    await page.goto(stage.url())
    source = await page.event_source(stage.stream("ids") + "?a=b&last_event_id=7%C3%A9")
    assert await source.data(3) == ["1", "2", "3"]
    heads = [exchange.head for exchange in stage.openings("ids")]
    ids = [[value.encode("latin-1").decode() for value in head.values("Last-Event-ID")] for head in heads]
    assert ids == [["7é"], ["7é"], ["8"]]
    assert {head.target for head in heads} == {stage.stream("ids") + "?a=b"}


@pytest.mark.parametrize("start_stage", ["gateway-shared"], indirect=True)
async def test_replay(stage: Stage, page: Page, context: Context, start_cable: StartCable) -> None:
    """A page whose network was away gets from the gateway what others got meanwhile, each event once."""
    events = [b"id: %d\ndata: %d\n\n" % (number, number) for number in range(1, 5)]
    stage.answers["news"] = [streaming(b"", b"retry: 1\n" + events[0], events[1] + events[2], events[3])]
    assert stage.gateway is not None
    cable = await start_cable(stage.gateway.port)
    other = await context.page()
    await page.goto(f"http://cable.test:{cable.port}/")
    await other.goto(stage.url())
    away, here = [await tab.event_source(stage.stream("news")) for tab in (page, other)]
    for source in (away, here):
        await source.until("open")
    stage.go("news")
    await away.data(1)
    cable.unplug()
    await away.until("error")
    stage.go("news")
    assert await here.data(3) == ["1", "2", "3"]
    cable.plug_in()
    assert await away.data(3) == ["1", "2", "3"]
    stage.go("news")
    for source in (away, here):
        assert await source.data(4) == ["1", "2", "3", "4"]
    assert len(stage.openings("news")) == 1
