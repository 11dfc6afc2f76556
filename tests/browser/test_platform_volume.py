"""Large messages and bursts, whole and in order."""

from __future__ import annotations

import pytest

from tests.browser.stage import LAST, SSE_HEAD, Answer, Ending, Stage, streaming
from tests.fakes.behaviours import chunk
from tests.fakes.chromium import CONSTRUCTORS, MODULE_PATH, Page

pytestmark = pytest.mark.parametrize("page", CONSTRUCTORS, indirect=True)

PLACES = ["direct", "gateway", "gateway-shared"]

# Tells the id and the data of every message up to the event `end`.
COLLECT = """async ([constructor, module, url]) => {
  const Source = globalThis[constructor] ?? (await import(module))[constructor];
  const source = new Source(url), got = [];
  source.onmessage = (event) => got.push(event.lastEventId + event.data);
  return new Promise((resolve) => {
    source.onerror = () => resolve("failed");
    source.addEventListener("end", () => { source.close(); resolve(got.join("\\n")); });
  });
}"""


@pytest.mark.parametrize("start_stage", PLACES, indirect=True)
async def test_large_message(stage: Stage, page: Page) -> None:
    """A line of five MiB is one message, between small ones."""
    large = "".join(f"{number:07}€" for number in range(5 * 1024 * 1024 // 10))
    data = f"data: 1\n\nid: 7\ndata: {large}\n\ndata: 2\n\n".encode()
    stage.answers["large"] = [streaming(data + LAST, ending=Ending.END)]
    await page.goto(stage.url())
    assert await collect(page, stage.stream("large")) == f"1\n7{large}\n72"


@pytest.mark.parametrize("start_stage", PLACES, indirect=True)
async def test_burst(stage: Stage, page: Page) -> None:
    """20,000 small events at once, each in a chunk of its own, arrive each once and in order."""
    numbers = range(20_000)
    events = b"".join(chunk(b"id: %d\ndata: ,%d\n\n" % (number, number)) for number in numbers)
    stage.answers["burst"] = [Answer(SSE_HEAD, (events + chunk(LAST) + chunk(b""),))]
    await page.goto(stage.url())
    got = await collect(page, stage.stream("burst"))
    assert got == "\n".join(f"{number},{number}" for number in numbers)


async def collect(page: Page, path: str) -> str:
    """Read a stream to its event `end`, and return all that came."""
    return str(await page.evaluate(COLLECT, [page.constructor, MODULE_PATH, path]))
