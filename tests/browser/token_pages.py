"""What tests of token streams in a browser share: the file, how a page asks, and where a token could show.

Nothing here decides whether a token is good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from tests.browser.cable import Cable
from tests.browser.pages import PageServer
from tests.fakes.chromium import Context, Page
from tests.fakes.sockets import Wire
from tests.fakes.sse_server import SseServer
from tests.functional.configuration import HEAD, PRINCIPALS
from tests.functional.running import TOKEN, RunningGateway

HOST = "gateway.test"
EVENTS = "/events"
ISSUE_PATH = "/events/token"

ISSUE = """async ([url, token, credentials]) => {
  try {
    const answer = await fetch(url, {method: "POST", headers: {"X-VX11-Token": token}, credentials});
    return {status: answer.status, ...await answer.json()};
  } catch (error) {
    return {rejected: error.name};
  }
}"""


class LossyCable(Cable):
    """A cable that can also lose what is at its near end without a word to the far one."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._carrying: list[asyncio.Task[Any]] = []

    def lose(self) -> None:
        """Break every connection off at the near end; at the far end it stands and is silent."""
        for task in self._carrying:
            task.cancel()

    async def _carry(self, near: Wire) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.append(task)
        await super()._carry(near)


def token_file(events: SseServer, pages: PageServer, terms: str = "", more: str = "") -> str:
    """Write a file with a page and a stream that tokens open; `terms` and `more` are inside YAML mappings."""
    return f"""{HEAD}{PRINCIPALS}
upstreams:
  pages: http://127.0.0.1:{pages.port}
  events: http://127.0.0.1:{events.port}
routes:
  - {{name: page, path: /, upstream: pages, access: public}}
  - {{name: events, path: {EVENTS}, upstream: events, access: ephemeral-token, stream: {{}},
     ephemeral_token: {{issue_path: {ISSUE_PATH}, {terms}}}, {more}}}
"""


def url_of(gateway: RunningGateway, path: str = "/", *, host: str = HOST) -> str:
    """Return a URL of the gateway's, under a name that the browser takes for the loopback address."""
    return f"http://{host}:{gateway.port}{path}"


async def issue(page: Page, url: str = ISSUE_PATH, *, credentials: str = "same-origin") -> dict[str, Any]:
    """Let a page ask for a token: the status and what was answered, or how the browser rejected it."""
    answer: dict[str, Any] = await page.evaluate(ISSUE, [url, TOKEN, credentials])
    return answer


async def issued_url(page: Page, url: str = ISSUE_PATH, *, credentials: str = "same-origin") -> str:
    """Let a page ask for a token, and return the stream's path with it."""
    answer = await issue(page, url, credentials=credentials)
    assert answer["status"] == 200, answer
    return f"{answer['endpoint']}?token={answer['sse_token']}"


async def places(contexts: Iterable[Context], tabs: Iterable[Page], servers: Iterable[PageServer]) -> str:
    """Return every URL that a browser kept or sent, every Referer, and all that pages' servers got."""
    sent = [request for context in contexts for request in await context.sent()]
    history = [url for page in tabs for url in await page.history()]
    told = [str((r.url, r.raw_headers)) for server in servers for r in server.requests]
    return "\n".join([*history, *told, *(f"{s.url} {s.referer}" for s in sent)])


def check_upstream(server: SseServer, token: str) -> None:
    """Fail if the backend saw the token, or anything in the query's place."""
    for stream in server.streams:
        assert token.encode() not in stream.head.raw
        assert b"tentaculo_" not in stream.head.raw
        assert (stream.query, stream.head.target) == ("", EVENTS)


def check_log(gateway: RunningGateway, token: str) -> None:
    """Fail if the log holds the token, or a URL with anything but `***` for one."""
    assert token not in gateway.logs.text
    for line in gateway.logs.events:
        _, found, rest = line.get("url", "").partition("token=")
        assert not found or rest == "***", line
