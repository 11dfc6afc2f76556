"""The service that serves the panel's files, on builds made for the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from examples.vx11.panel import ANEW, FOREVER, HEADERS, NOT_BUILT, PANEL_PATH, build_panel, is_built, main
from examples.vx11.service import Service

Get = Callable[[str], Awaitable[aiohttp.ClientResponse]]


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A build of a page, a script and an icon."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>Events</title>")
    (folder / "assets" / "index-1a2b.js").write_text("0;")
    (folder / "icon.svg").write_text("<svg/>")
    (folder / ".state").write_text("1 2\n")
    return folder


@pytest.fixture
async def get(dist: Path) -> AsyncIterator[Get]:
    """Get a path beneath the panel's from the running service."""
    async with AsyncExitStack() as stack:
        service = Service(build_panel(dist), "127.0.0.1", 0)
        await service.start()
        stack.push_async_callback(service.stop)
        base = "http://{}:{}".format(*service.address)
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def ask(path: str) -> aiohttp.ClientResponse:
            async with session.get(f"{base}{path}") as response:
                await response.read()
                return response

        yield ask


@pytest.mark.parametrize(
    ("path", "status", "kept"),
    [
        pytest.param("", 200, ANEW, id="index"),
        pytest.param("icon.svg", 200, ANEW, id="icon"),
        pytest.param("assets/index-1a2b.js", 200, FOREVER, id="asset"),
        pytest.param("assets/gone.js", 404, ANEW, id="asset-of-an-older-build"),
        pytest.param("assets/", 403, ANEW, id="folder"),
        pytest.param(".state", 404, ANEW, id="not-of-the-panel"),
    ],
)
async def test_files(path: str, status: int, kept: str, get: Get) -> None:
    """Only what is named by its content is kept for good, and every answer carries the policy."""
    response = await get(f"{PANEL_PATH}{path}")
    assert (response.status, response.headers["Cache-Control"]) == (status, kept)
    assert {name: response.headers[name] for name in HEADERS} == HEADERS


def test_the_policy_lets_nothing_inline() -> None:
    """No exception weakens it."""
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert HEADERS["X-Content-Type-Options"] == "nosniff"


async def test_without_a_build(dist: Path, get: Get) -> None:
    """The page says what to do, and the service is healthy."""
    (dist / "index.html").unlink()
    response = await get(PANEL_PATH)
    assert (response.status, await response.text()) == (503, NOT_BUILT)
    assert (await get("/health")).status == 200
    assert not is_built(dist)


def test_an_address_that_cannot_be_had(dist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said in one sentence, and the exit code is 1."""
    assert main(["--host", "192.0.2.1", "--dist", str(dist)]) == 1
    assert capsys.readouterr().err.startswith("The panel can't be served: ")


def test_a_build_that_is_missing_is_told_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever starts it alone reads what to run."""
    assert main(["--host", "192.0.2.1", "--dist", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(NOT_BUILT)
