"""A browser of the whole session, a page of each test, and what pages and event streams come from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack
from typing import Protocol

import pytest

from tests.browser.cable import Cable
from tests.browser.client_scene import Scene
from tests.browser.console_pages import Operator
from tests.browser.pages import PageServer
from tests.browser.stage import Stage
from tests.fakes.chromium import Chromium, ChromiumMissing, Context, Page
from tests.fakes.sse_server import SseServer
from tests.functional.conftest import (
    StartGateway,
    anonymous,
    server,
    start_edited,
    start_gateway,
    start_upstream,
    upstream,
)

__all__ = ["anonymous", "server", "start_edited", "start_gateway", "start_upstream", "upstream"]


class StartPages(Protocol):
    """Starts a server of pages."""

    def __call__(self, host: str = ..., port: int = ...) -> Awaitable[PageServer]: ...


class StartSseServer(Protocol):
    """Starts an SSE server."""

    def __call__(
        self, *, retry_ms: int = ..., ping_seconds: int = ..., allow_origin: str | None = ...
    ) -> Awaitable[SseServer]: ...


class StartCable(Protocol):
    """Lays a cable to a port."""

    def __call__(self, port: int) -> Awaitable[Cable]: ...


class StartStage(Protocol):
    """Starts a stage; `stream` and `more` are inside the YAML mappings of its routes for streams."""

    def __call__(self, *, stream: str = ..., more: str = ...) -> Awaitable[Stage]: ...


@pytest.fixture(scope="session")
def browser() -> Iterator[Chromium]:
    """One Chromium for all tests of this process; without one they fail."""
    chromium = Chromium()
    try:
        chromium.start()
    except ChromiumMissing as error:
        pytest.fail(str(error), pytrace=False)
    yield chromium
    chromium.stop()


@pytest.fixture
async def context(browser: Chromium) -> AsyncIterator[Context]:
    """A profile of the test's own."""
    context = await browser.context()
    yield context
    await context.aclose()


@pytest.fixture
async def page(request: pytest.FixtureRequest, context: Context) -> Page:
    """A page in that profile; its parameter, if it has one, is what it opens event streams with."""
    page = await context.page()
    page.constructor = getattr(request, "param", page.constructor)
    return page


@pytest.fixture
async def start_pages() -> AsyncIterator[StartPages]:
    """Start servers of pages; each is stopped at the end."""
    async with AsyncExitStack() as stack:

        async def start(host: str = "127.0.0.1", port: int = 0) -> PageServer:
            pages = PageServer()
            stack.push_async_callback(pages.stop)
            await pages.start(host, port)
            return pages

        yield start


@pytest.fixture
async def start_sse_server() -> AsyncIterator[StartSseServer]:
    """Start SSE servers; each is stopped at the end."""
    async with AsyncExitStack() as stack:

        async def start(
            *, retry_ms: int = 50, ping_seconds: int = 15, allow_origin: str | None = None
        ) -> SseServer:
            server = SseServer(retry_ms=retry_ms, ping_seconds=ping_seconds, allow_origin=allow_origin)
            await server.start()
            stack.push_async_callback(server.stop)
            return server

        yield start


@pytest.fixture
async def sse_server(start_sse_server: StartSseServer) -> SseServer:
    """An SSE server that pages of its own origin read, such as those of a gateway before it."""
    return await start_sse_server()


@pytest.fixture
async def start_cable() -> AsyncIterator[StartCable]:
    """Lay cables; each is taken away at the end."""
    async with AsyncExitStack() as stack:

        async def start(port: int) -> Cable:
            cable = Cable(port)
            await cable.start()
            stack.push_async_callback(cable.stop)
            return cable

        yield start


@pytest.fixture(params=["direct", "gateway"])
async def start_stage(
    request: pytest.FixtureRequest, start_gateway: StartGateway
) -> AsyncIterator[StartStage]:
    """Start stages, without a gateway and behind one; each is stopped at the end.

    A test may also ask for `gateway-only` and `gateway-shared`: behind a gateway whose route is for
    streams only, or for shared ones.
    """
    async with AsyncExitStack() as stack:

        async def start(*, stream: str = "", more: str = "") -> Stage:
            stage = Stage()
            await stage.upstream.start()
            stack.push_async_callback(stage.upstream.stop)
            if request.param != "direct":
                stage.gateway = await start_gateway(stage.file(stream, more))
            if request.param in ("gateway-only", "gateway-shared"):
                stage.route = request.param.removeprefix("gateway-")
            return stage

        yield start


@pytest.fixture
async def stage(start_stage: StartStage) -> Stage:
    """A stage."""
    return await start_stage()


@pytest.fixture
async def scene(start_gateway: StartGateway, context: Context) -> AsyncIterator[Scene]:
    """A scene; its gateway is started by the test."""
    scene = Scene(start_gateway, context)
    await scene.pages.start()
    await scene.streams.upstream.start()
    yield scene
    await scene.streams.upstream.stop()
    await scene.pages.stop()


@pytest.fixture
async def operator(page: Page) -> Operator:
    """An operator who comes to the console."""
    return Operator(page)
