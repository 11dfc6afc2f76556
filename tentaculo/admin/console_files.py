"""The files of the console's page: a fixed set, read once, each at a path of its own.

They hold nothing of the gateway's, so they need no token; without an admin token they are not there.
"""

from __future__ import annotations

import hashlib
import importlib.resources
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources.abc import Traversable

from aiohttp import hdrs, web

from tentaculo.admin.api import Handler, answering
from tentaculo.errors import RouteNotFound

HOME = "/console/"
INDEX = "index.html"
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
PROTECTION = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class ConsoleFile:
    """One file as it is sent."""

    path: str
    body: bytes
    content_type: str

    @property
    def etag(self) -> str:
        """What tells this content from any other."""
        return hashlib.sha256(self.body).hexdigest()[:32]


class ConsoleFiles:
    """Serves the page's files while `is_on`; `browser` is the folder where they are."""

    def __init__(self, is_on: Callable[[], bool], browser: Traversable | None = None) -> None:
        self._is_on = is_on
        self._files = tuple(_read(browser or importlib.resources.files("tentaculo") / "browser"))

    def add_to(self, app: web.Application) -> None:
        """Add a path for each file, and those that lead to the page."""
        for path in ("/", HOME.removesuffix("/")):
            app.router.add_get(path, answering(self._leads_home))
        for file in self._files:
            app.router.add_get(file.path, answering(self._serving(file)))

    async def _leads_home(self, request: web.Request) -> web.Response:
        self._check()
        return web.Response(status=302, headers={"Location": HOME, "Cache-Control": "no-store"})

    def _serving(self, file: ConsoleFile) -> Handler:
        etag = file.etag
        headers = {**PROTECTION, "Cache-Control": "no-cache", "ETag": f'"{etag}"'}

        async def serve(request: web.Request) -> web.Response:
            self._check()
            if any(known.value in (etag, "*") for known in request.if_none_match or ()):
                return web.Response(status=304, headers=headers)
            return web.Response(body=file.body, headers={**headers, hdrs.CONTENT_TYPE: file.content_type})

        return serve

    def _check(self) -> None:
        if not self._is_on():
            raise RouteNotFound("the console is off")


def _read(browser: Traversable) -> Iterator[ConsoleFile]:
    console = browser / "console"
    for file in (*sorted(console.iterdir(), key=lambda file: file.name), browser / "event-source.js"):
        content_type = CONTENT_TYPES.get(file.name[file.name.rfind(".") :])
        if content_type is not None and file.is_file():
            name = "" if file.name == INDEX else file.name
            yield ConsoleFile(HOME + name, file.read_bytes(), content_type)
