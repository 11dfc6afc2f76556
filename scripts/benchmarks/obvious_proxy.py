"""The obvious asynchronous proxy: aiohttp's server in front of aiohttp's client, and nothing else.

Written as its documentation advises: one shared session, bodies streamed both ways, no decompression, no
access log, uvloop. It has no header check, no log and no metrics, and is started as a process of its own.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Iterable

import uvloop
from aiohttp import ClientSession, ClientTimeout, TCPConnector, web
from multidict import CIMultiDict
from yarl import URL

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
AUTO_HEADERS = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
SESSION = web.AppKey("session", ClientSession)
UPSTREAM = web.AppKey("upstream", str)


def end_to_end(fields: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    """Return `fields` without those that are for one connection only."""
    return CIMultiDict((name, value) for name, value in fields if name.lower() not in HOP_BY_HOP)


async def forward(request: web.Request) -> web.StreamResponse:
    """Send the request to the upstream and its reply back."""
    async with request.app[SESSION].request(
        request.method,
        URL(request.app[UPSTREAM] + request.raw_path, encoded=True),
        headers=end_to_end(request.headers.items()),
        data=request.content if request.body_exists else None,
        allow_redirects=False,
    ) as reply:
        response = web.StreamResponse(
            status=reply.status, reason=reply.reason, headers=end_to_end(reply.headers.items())
        )
        await response.prepare(request)
        async for chunk in reply.content.iter_any():
            await response.write(chunk)
        await response.write_eof()
        return response


async def open_session(app: web.Application) -> AsyncIterator[None]:
    """Keep one session as long as the application runs."""
    session = ClientSession(
        connector=TCPConnector(limit=0),
        timeout=ClientTimeout(total=None, connect=2, sock_read=60),
        auto_decompress=False,
        skip_auto_headers=AUTO_HEADERS,
    )
    async with session:
        app[SESSION] = session
        yield


def make_app(upstream: str) -> web.Application:
    """Return the proxy in front of `upstream`, a base as in http://127.0.0.1:8011."""
    app = web.Application()
    app[UPSTREAM] = upstream
    app.router.add_route("*", "/{path:.*}", forward)
    app.cleanup_ctx.append(open_session)
    return app


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="The obvious aiohttp proxy.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    options = parser.parse_args()
    web.run_app(
        make_app(options.upstream),
        host="127.0.0.1",
        port=options.port,
        access_log=None,
        print=None,
        handler_cancellation=True,
        loop=uvloop.new_event_loop(),
    )


if __name__ == "__main__":
    main()
