"""The files of the console's page over a real socket: which there are, and what comes with them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import pytest
from aiohttp import web

from tentaculo.admin.console_files import ConsoleFiles
from tests.fakes.client import Fields, RawClient, request, told
from tests.fakes.messages import Message

BROWSER = files("tentaculo") / "browser"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
FOLDER = {
    "console/index.html": b"<!doctype html>",
    "console/console.css": b"body {}",
    "console/main.js": b"export {};",
    "console/icon.svg": b"<svg/>",
    "console/notes.txt": b"not for the page",
    "console/.hidden": b"not for the page",
    "console/more.js/inner.js": b"not for the page",
    "event-source.js": b"export class EphemeralEventSource {}",
    "react.js": b"not for the page",
    "package.json": b"not for the page",
}
SERVED = {
    "/console/": ("console/index.html", "text/html; charset=utf-8"),
    "/console/console.css": ("console/console.css", "text/css; charset=utf-8"),
    "/console/main.js": ("console/main.js", "text/javascript; charset=utf-8"),
    "/console/icon.svg": ("console/icon.svg", "image/svg+xml"),
    "/console/event-source.js": ("event-source.js", "text/javascript; charset=utf-8"),
}


class Pages:
    """Serves the files of a folder, while they are on."""

    def __init__(self, browser: Path | None) -> None:
        self.is_on = True
        app = web.Application()
        ConsoleFiles(lambda: self.is_on, browser).add_to(app)
        self.runner = web.AppRunner(app)

    async def start(self) -> None:
        """Listen."""
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()

    async def call(self, target: str, fields: Fields = (), method: str = "GET") -> Message:
        """Make a call."""
        client = await RawClient.connect(*self.runner.addresses[0])
        await client.send(request(method, target, [*fields, ("Connection", "close")]))
        reply = await client.reply(method)
        await client.aclose()
        return reply


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files, not all of which are for the page."""
    for name, body in FOLDER.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(body)
    return tmp_path


@pytest.fixture
async def pages(folder: Path) -> AsyncIterator[Pages]:
    """That folder, served."""
    pages = Pages(folder)
    await pages.start()
    yield pages
    await pages.runner.cleanup()


@pytest.fixture
async def own_pages() -> AsyncIterator[Pages]:
    """The package's own files, served."""
    pages = Pages(None)
    await pages.start()
    yield pages
    await pages.runner.cleanup()


@pytest.mark.parametrize(("target", "name", "content_type"), [(t, *s) for t, s in SERVED.items()], ids=SERVED)
async def test_files(target: str, name: str, content_type: str, pages: Pages) -> None:
    """Each is served as what it is, protected, and asked for again each time."""
    for method in ("GET", "HEAD"):
        reply = await pages.call(target, method=method)
        assert reply.status == 200
        assert reply.body == (FOLDER[name] if method == "GET" else b"")
        head = reply.head
        assert head.values("Content-Type") == [content_type]
        assert head.value("Content-Length") == str(len(FOLDER[name]))
        assert head.value("Cache-Control") == "no-cache"
        assert head.values("Content-Security-Policy") == [POLICY]
        assert head.value("X-Content-Type-Options") == "nosniff"
        assert head.value("Referrer-Policy") == "no-referrer"
        assert head.value("Cross-Origin-Opener-Policy") == "same-origin"
        assert head.value("Cross-Origin-Resource-Policy") == "same-origin"
        assert head.value("X-Frame-Options") == "DENY"


@pytest.mark.parametrize(
    ("known", "status"),
    [("{}", 304), ("W/{}", 304), ('"other", {}', 304), ("*", 304), ('"other"', 200), ("nonsense", 200)],
)
async def test_known_already(known: str, status: int, pages: Pages) -> None:
    """A browser that has it gets it no second time."""
    etag = (await pages.call("/console/main.js")).head.value("ETag") or ""
    assert re.fullmatch(r'"[0-9a-f]{32}"', etag)
    assert hashlib.sha256(FOLDER["console/main.js"]).hexdigest().startswith(etag.strip('"'))
    reply = await pages.call("/console/main.js", [("If-None-Match", known.format(etag))])
    assert (reply.status, reply.head.value("ETag")) == (status, etag)
    assert reply.head.value("Content-Security-Policy") == POLICY
    assert reply.head.value("Cache-Control") == "no-cache"


@pytest.mark.parametrize("target", ["/", "/console"])
async def test_way_home(target: str, pages: Pages) -> None:
    """Whoever comes without the path finds the page."""
    reply = await pages.call(target)
    assert (reply.status, reply.head.value("Location")) == (302, "/console/")
    assert reply.head.value("Cache-Control") == "no-store"


@pytest.mark.parametrize(
    "target",
    [
        "/console/notes.txt",
        "/console/.hidden",
        "/console/more.js",
        "/console/more.js/inner.js",
        "/console/index.html/",
        "/console/react.js",
        "/console/package.json",
        "/console/../react.js",
        "/console/%2e%2e/react.js",
        "/console/..%2freact.js",
        "/console/%2e%2e%2f%2e%2e%2fsetup.cfg",
        "/console//etc/passwd",
        "/console/main.js%00",
        "/console/MAIN.JS",
        "/event-source.js",
        "/react.js",
    ],
)
async def test_nothing_else(target: str, pages: Pages) -> None:
    """There is no path to any other file."""
    reply = await pages.call(target)
    assert reply.status == 404
    assert b"not for the page" not in reply.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_to_be_read(method: str, pages: Pages) -> None:
    """They can't be changed."""
    assert (await pages.call("/console/main.js", method=method)).status == 405


async def test_read_once(pages: Pages, folder: Path) -> None:
    """What is on disk later does not count."""
    (folder / "console/main.js").write_bytes(b"other")
    (folder / "console/new.js").write_bytes(b"new")
    assert (await pages.call("/console/main.js")).body == FOLDER["console/main.js"]
    assert (await pages.call("/console/new.js")).status == 404


async def test_off(pages: Pages) -> None:
    """They come and go with the admin token."""
    pages.is_on = False
    for target in (*SERVED, "/", "/console"):
        reply = await pages.call(target, [("If-None-Match", "*")])
        assert (reply.status, told(reply)["code"]) == (404, "route_not_found")
    pages.is_on = True
    assert (await pages.call("/console/")).status == 200


async def test_own_files(own_pages: Pages) -> None:
    """The package brings its page, and all that the page and its modules name is there."""
    index = (await own_pages.call("/console/")).body.decode()
    named = re.findall(r'(?:src|href)="(?!data:)(?:\./|/console/)?([^"/]+)"', index)
    assert named
    seen: set[str] = set()
    while named:
        name = named.pop()
        reply = await own_pages.call(f"/console/{name}")
        assert reply.status == 200, name
        seen.add(name)
        if name.endswith(".js"):
            imported = re.findall(r'from "(?:\./|/console/)([^"/]+)"', reply.body.decode())
            named += [one for one in imported if one not in seen]
    assert "event-source.js" in seen
    own = {file.name for file in (BROWSER / "console").iterdir() if file.name.endswith((".js", ".css"))}
    assert own <= seen
