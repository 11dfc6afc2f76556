"""A gateway before pages and events, and tabs at its origin: what most tests of the client begin with."""

from __future__ import annotations

from typing import Any

from tests.browser.client_pages import RATE, ClientPages, ScriptedStreams, client_file
from tests.browser.client_tabs import Client, Tab, new_tab
from tests.fakes.chromium import Context
from tests.functional.conftest import StartGateway
from tests.functional.running import RunningGateway

HOST = "gateway.test"
SECURE_HOST = "127.0.0.1"  # browsers take it for secure without TLS, so that pages have Web Locks


class Scene:
    """`streams` are what the gateway's events are, unless it is started before another server's port."""

    def __init__(self, start_gateway: StartGateway, context: Context) -> None:
        self.pages = ClientPages()
        self.streams = ScriptedStreams()
        self.context = context
        self.gateway: RunningGateway
        self._start_gateway = start_gateway

    def file(self, *routes: str, port: int = 0, rate: str = RATE, extra: str = "", listen: int = 0) -> str:
        """Write the gateway's file."""
        backend = port or self.streams.upstream.port
        return client_file(self.pages, backend, *routes, rate=rate, extra=extra, listen=listen)

    async def start(
        self, *routes: str, port: int = 0, rate: str = RATE, extra: str = "", listen: int = 0
    ) -> RunningGateway:
        """Start the gateway, or another one."""
        text = self.file(*routes, port=port, rate=rate, extra=extra, listen=listen)
        self.gateway = await self._start_gateway(text)
        return self.gateway

    def url(self, path: str = "", *, host: str = HOST) -> str:
        """Return a URL at the gateway."""
        return f"http://{host}:{self.gateway.port}{path}"

    async def tab(self, url: str | None = None, *, host: str = HOST) -> Tab:
        """Open a tab, at the gateway unless a URL says where."""
        return await new_tab(self.context, url or self.url("/", host=host))

    async def timeless(self, url: str | None = None) -> Tab:
        """Open a tab where no time passes by itself."""
        tab = await self.tab(url)
        await tab.stop_clock()
        return tab

    async def client(self, url: str = "/events", *types: str, **options: Any) -> Client:
        """Make a client in a tab of its own at the gateway."""
        return await (await self.tab()).client(url, *types, **options)
