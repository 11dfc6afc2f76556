"""Errors as the client sees them: problem details (RFC 9457) that name a code and nothing else."""

from __future__ import annotations

from http import HTTPStatus

import orjson

from tentaculo.errors import GatewayError
from tentaculo.wire.headers import field_lines

RETRY_AFTER = (("Retry-After", "1"),)  # for what may be over in a moment

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def problem_body(error: GatewayError, request_id: str) -> bytes:
    """Return the JSON body for an error; the error's reason is not in it."""
    return orjson.dumps(
        {
            "type": "about:blank",
            "title": error.title,
            "status": error.status,
            "code": error.code,
            "request_id": request_id,
        }
    )


def problem(error: GatewayError, request_id: str, *, keep_alive: bool, with_body: bool = True) -> bytes:
    """Return a whole HTTP/1.1 response for an error; `with_body` is false for HEAD."""
    return plain_response(
        error.status,
        problem_body(error, request_id),
        content_type="application/problem+json",
        fields=(*error.headers, ("X-Request-Id", request_id)),
        keep_alive=keep_alive,
        with_body=with_body,
    )


def plain_response(
    status: int,
    body: bytes,
    *,
    content_type: str,
    fields: tuple[tuple[str, str], ...] = (),
    keep_alive: bool = True,
    with_body: bool = True,
) -> bytes:
    """Return a whole HTTP/1.1 response of the gateway's own."""
    fields = (
        ("Content-Type", content_type),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Connection", "keep-alive" if keep_alive else "close"),
        *fields,
    )
    head = f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n".encode()
    return b"".join((head, field_lines(fields), b"\r\n", body if with_body else b""))


def empty_response(fields: tuple[tuple[str, str], ...], *, keep_alive: bool) -> bytes:
    """Return a whole 204 response of the gateway's own."""
    fields = (*fields, ("Connection", "keep-alive" if keep_alive else "close"))
    return b"".join((b"HTTP/1.1 204 No Content\r\n", field_lines(fields), b"\r\n"))
