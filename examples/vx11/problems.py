"""How a service says no: problem details (RFC 9457) for every fault, translated in one place."""

from __future__ import annotations

import json
import logging
import re
import traceback
import uuid

from aiohttp import web
from aiohttp.typedefs import Handler

CORRELATION_ID = web.RequestKey("correlation_id", str)
_STARTED = web.RequestKey("started", bool)

_CORRELATION_HEADER = "X-Correlation-Id"
_CORRELATION_SYNTAX = re.compile(r"[!-~]{1,128}")
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}

_log = logging.getLogger("vx11.problems")


class Refused(Exception):
    """A request that is answered with this problem."""

    def __init__(self, status: int, code: str, title: str, *, retry_after: int | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.title = title
        self.headers = {} if retry_after is None else {"Retry-After": str(retry_after)}


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its correlation id, and its fault, if any, a body."""
    presented = request.headers.get(_CORRELATION_HEADER, "")
    request[CORRELATION_ID] = presented if _CORRELATION_SYNTAX.fullmatch(presented) else str(uuid.uuid4())
    try:
        return await handler(request)
    except Refused as error:
        return _problem(request, error)
    except web.HTTPException as error:
        refused = Refused(error.status, _CODES.get(error.status, "bad_request"), error.reason)
        refused.headers = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
        return _problem(request, refused)
    except Exception as error:
        # The frames only: an exception's text may quote what was presented.
        _log.error("%s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
        if request.get(_STARTED):  # no second answer follows a started one: aiohttp cuts it
            raise
        return _problem(request, Refused(500, "internal_error", "The service failed"))


async def mark_response(request: web.Request, response: web.StreamResponse) -> None:
    """Add what every response carries; a signal, so that streams get it before their head goes out."""
    request[_STARTED] = True
    response.headers["Cache-Control"] = "no-store"
    if correlation_id := request.get(CORRELATION_ID):  # a refused `Expect` never came through the middleware
        response.headers[_CORRELATION_HEADER] = correlation_id


def abort(request: web.Request) -> None:
    """Break the connection, so that a cut answer is seen as cut."""
    if request.transport is not None:
        request.transport.abort()


def _problem(request: web.Request, refused: Refused) -> web.Response:
    body = {
        "type": "about:blank",
        "title": refused.title,
        "status": refused.status,
        "code": refused.code,
        "correlation_id": request[CORRELATION_ID],
    }
    return web.Response(
        status=refused.status,
        text=json.dumps(body),
        content_type="application/problem+json",
        headers=refused.headers,
    )
