"""The examples under "Five lines" in the README, run as they are written there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.browser.token_pages import check_upstream, url_of
from tests.fakes.chromium import Context, Page
from tests.fakes.sse_server import SseServer
from tests.functional.running import TOKEN, RunningGateway

README = Path(__file__).parents[2] / "README.md"
BACKEND = "http://127.0.0.1:8080"  # where the example's backend is; here it is on a free port
ADDRESSES = "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n"  # for the default ones may be in use
PAGE = "/health"

# As a console does, but with what it prints kept.
CONSOLE = """([lines, APP_TOKEN]) => {
  globalThis.APP_TOKEN = APP_TOKEN;
  globalThis.printed = new Promise((resolve) => { console.log = resolve; });
  const AsyncFunction = (async () => {}).constructor;
  return new AsyncFunction(lines)();
}"""


def examples(language: str) -> list[str]:
    """Return the examples in a language that stand under "Five lines"."""
    section = README.read_text(encoding="utf-8").partition("\n## Five lines\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


@pytest.fixture
async def gateway(sse_server: SseServer) -> AsyncIterator[RunningGateway]:
    """A gateway that runs the YAML, APP_TOKEN being in its environment."""
    (five_lines,) = examples("yaml")
    assert five_lines.count(BACKEND) == 1
    text = ADDRESSES + five_lines.replace(BACKEND, f"http://127.0.0.1:{sse_server.port}")
    running = RunningGateway(text, {"APP_TOKEN": TOKEN})
    await running.start()
    yield running
    await running.stop()
    running.check_log()


def test_lines() -> None:
    """The configuration has as many lines as is said."""
    assert [len(example.splitlines()) for example in examples("yaml")] == [5]


@pytest.mark.parametrize(("number", "kind"), [(0, "fetch"), (1, "eventsource")], ids=["client", "native"])
async def test_event_arrives(
    number: int, kind: str, gateway: RunningGateway, page: Page, context: Context, sse_server: SseServer
) -> None:
    """Each opens a stream through the five lines and prints an event; the URL is for nobody else."""
    assert await page.goto(url_of(gateway, PAGE)) == 200
    await page.evaluate(CONSOLE, [examples("js")[number], TOKEN])
    await sse_server.next()
    sse_server.publish("an event")
    assert await page.evaluate("printed") == "an event"
    opened = await gateway.logs.wait_for("stream.opened")
    assert (opened["url"], opened["opened_by"]) == ("/events?token=***", "ephemeral_token")
    streams = [one for one in await context.sent() if one.kind == kind and "/events?" in one.url]
    assert len(streams) == 1
    path, _, token = streams[0].url.removeprefix(url_of(gateway, "")).partition("=")
    assert path == "/events?token"
    check_upstream(sse_server, token)
    assert (await gateway.call(f"{path}={token}", ())).status == 401
