"""A small server of HTML pages, which also sees what browsers tell other sites about where they come from."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

import tentaculo
from tests.fakes.chromium import MODULE_PATH

CLIENT = Path(tentaculo.__file__).parent / "browser" / "event-source.js"


class PageServer:
    """Serves the pages in `pages`, by path, the client's module, and 204 elsewhere; keeps every request."""

    def __init__(self) -> None:
        self.pages = {"/": "<!doctype html><title>Page</title>"}
        self.requests: list[web.BaseRequest] = []
        self._runner = web.ServerRunner(web.Server(self._answer, access_log=None))

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._runner.addresses[0][1])

    def url(self, path: str = "/", *, host: str = "page.test") -> str:
        """Return the URL of a path; the browser takes every name in `.test` for the loopback address."""
        return f"http://{host}:{self.port}{path}"

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        self.requests.append(request)
        if request.path == MODULE_PATH:
            return web.Response(body=CLIENT.read_bytes(), content_type="text/javascript")
        if request.path not in self.pages:
            return web.Response(status=204)
        return web.Response(text=self.pages[request.path], content_type="text/html")
