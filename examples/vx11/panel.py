"""The service `frontend`: the EventsPanel's files, as its build left them in `frontend/dist`.

It serves files and nothing else: every call that the panel makes goes to the gateway, which is in front of
this service too.  `scripts/panel` builds them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import uvloop
from aiohttp import web

from examples.vx11.service import Service, stop_signals

PANEL_PATH = "/panel/"
HEALTH_PATH = "/health"
DIST = Path(__file__).parent / "frontend" / "dist"

NOT_BUILT = "The panel is not built: run scripts/panel, then start this anew.\n"
# What a build names by its content never changes; everything else is asked for anew.
FOREVER = "public, max-age=31536000, immutable"
ANEW = "no-cache"

# Nothing inline and nothing from elsewhere; no form may put what is typed into a URL.
POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
)
HEADERS = {
    "Content-Security-Policy": "; ".join(POLICY),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def is_built(dist: Path = DIST) -> bool:
    """Whether there is a panel to serve."""
    return (dist / "index.html").is_file()


def build_panel(dist: Path = DIST) -> web.Application:
    """Return the application that serves a build, or says that there is none."""
    app = web.Application()
    app.router.add_get(HEALTH_PATH, _health)
    app.router.add_get(PANEL_PATH, _index(dist))
    if (dist / "assets").is_dir():
        app.router.add_static(f"{PANEL_PATH}assets", dist / "assets")
    for file in sorted(dist.glob("*.svg")):
        app.router.add_get(f"{PANEL_PATH}{file.name}", _file(file))
    app.on_response_prepare.append(_mark_response)
    return app


def _index(dist: Path) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def index(request: web.Request) -> web.StreamResponse:
        if not is_built(dist):
            return web.Response(status=503, text=NOT_BUILT)
        return web.FileResponse(dist / "index.html")

    return index


def _file(file: Path) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(file)

    return answer


async def _health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _mark_response(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    is_asset = request.path.startswith(f"{PANEL_PATH}assets/") and response.status in {200, 206, 304}
    response.headers["Cache-Control"] = FOREVER if is_asset else ANEW


async def _serve(service: Service) -> None:
    with stop_signals() as signalled:
        await service.start()
        host, port = service.address
        sys.stderr.write(f"The panel is served on {host}:{port}.\n")
        await signalled.wait()
    await service.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the panel alone until a signal comes; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m examples.vx11.panel", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8020, help="port to listen on (default: %(default)s)")
    parser.add_argument("--dist", type=Path, default=DIST, help="folder of the build (default: %(default)s)")
    arguments = parser.parse_args(argv)
    if not is_built(arguments.dist):
        sys.stderr.write(NOT_BUILT)
    service = Service(build_panel(arguments.dist), arguments.host, arguments.port)
    try:
        uvloop.run(_serve(service))
    except OSError as error:
        sys.stderr.write(f"The panel can't be served: {error.strerror}.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
