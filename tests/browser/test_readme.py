"""The two examples under "Five lines" in the README, run as they are written there."""

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


def example(language: str) -> str:
    """Return the only example in a language that stands under "Five lines"."""
    section = README.read_text(encoding="utf-8").partition("\n## Five lines\n")[2].partition("\n## ")[0]
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return str(text)


@pytest.fixture
async def gateway(sse_server: SseServer) -> AsyncIterator[RunningGateway]:
    """A gateway that runs the YAML, APP_TOKEN being in its environment."""
    five_lines = example("yaml")
    assert five_lines.count(BACKEND) == 1
    text = ADDRESSES + five_lines.replace(BACKEND, f"http://127.0.0.1:{sse_server.port}")
    running = RunningGateway(text, {"APP_TOKEN": TOKEN})
    await running.start()
    yield running
    await running.stop()
    running.check_log()


@pytest.mark.parametrize(("language", "lines"), [("yaml", 5), ("js", 3)])
def test_lines(language: str, lines: int) -> None:
    """The examples have as many lines as is said."""
    assert len(example(language).splitlines()) == lines


async def test_event_arrives(
    gateway: RunningGateway, page: Page, context: Context, sse_server: SseServer
) -> None:
    """The three lines open a stream through the five lines and print an event; the URL is for nobody else."""
    assert await page.goto(url_of(gateway, PAGE)) == 200
    await page.evaluate(CONSOLE, [example("js"), TOKEN])
    await sse_server.next()
    sse_server.publish("an event")
    assert await page.evaluate("printed") == "an event"
    opened = await gateway.logs.wait_for("stream.opened")
    assert (opened["url"], opened["opened_by"]) == ("/events?token=***", "ephemeral_token")
    (url,) = [request.url for request in await context.sent() if request.kind == "eventsource"]
    path, _, token = url.removeprefix(url_of(gateway, "")).partition("=")
    assert path == "/events?token"
    check_upstream(sse_server, token)
    assert (await gateway.call(f"{path}={token}", ())).status == 401
