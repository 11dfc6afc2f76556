"""The gateway's own answers, as bytes on the wire."""

from __future__ import annotations

import json

import pytest

from tentaculo.errors import (
    BadTarget,
    GatewayError,
    InternalError,
    MethodNotAllowed,
    TooManyStreams,
    UpstreamTimeout,
    VersionNotSupported,
)
from tentaculo.relay.problem import empty_response, plain_response, problem, problem_body

ERRORS: dict[str, tuple[GatewayError, bytes]] = {
    "client": (BadTarget("secret-reason"), b"HTTP/1.1 400 Bad Request"),
    "gateway": (InternalError("secret-reason"), b"HTTP/1.1 500 Internal Server Error"),
    "upstream": (UpstreamTimeout("secret-reason"), b"HTTP/1.1 504 Gateway Timeout"),
    "version": (VersionNotSupported("secret-reason"), b"HTTP/1.1 505 HTTP Version Not Supported"),
}


def parts(response: bytes) -> tuple[bytes, list[tuple[bytes, bytes]], bytes]:
    """Take a response apart: status line, fields, body."""
    head, _, body = response.partition(b"\r\n\r\n")
    start, *lines = head.split(b"\r\n")
    fields = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
    return start, fields, body


@pytest.mark.parametrize(("error", "line"), ERRORS.values(), ids=ERRORS)
def test_error_as_problem_details(error: GatewayError, line: bytes) -> None:
    """An error goes out under its own status, with its code and the request id, never its reason."""
    response = problem(error, "id-1", keep_alive=True)
    start, fields, body = parts(response)
    assert start == line
    assert fields == [
        (b"Content-Type", b"application/problem+json"),
        (b"Content-Length", str(len(body)).encode()),
        (b"Cache-Control", b"no-store"),
        (b"Connection", b"keep-alive"),
        (b"X-Request-Id", b"id-1"),
    ]
    assert json.loads(body) == {
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "request_id": "id-1",
    }
    assert b"secret-reason" not in response


def test_error_brings_its_own_fields() -> None:
    """What an error says in fields, like `Allow` and `Retry-After`, goes out with it."""
    for error, field in (
        (MethodNotAllowed(headers=(("Allow", "GET, HEAD"),)), (b"Allow", b"GET, HEAD")),
        (TooManyStreams(headers=(("Retry-After", "5"),)), (b"Retry-After", b"5")),
    ):
        assert field in parts(problem(error, "id-1", keep_alive=True))[1]


def test_answer_to_head_has_the_length_and_no_body() -> None:
    """HEAD gets what GET would get, without the body (RFC 9110 section 9.3.2)."""
    error = BadTarget()
    whole = problem(error, "id-1", keep_alive=False)
    body = problem_body(error, "id-1")
    assert whole.endswith(b"\r\n\r\n" + body)
    assert problem(error, "id-1", keep_alive=False, with_body=False) == whole.removesuffix(body)


@pytest.mark.parametrize(("keep_alive", "said"), [(True, b"keep-alive"), (False, b"close")])
def test_connection_is_said_to_stay_or_close(keep_alive: bool, said: bytes) -> None:
    """The answer says what becomes of the connection, which HTTP/1.0 clients need too."""
    assert (b"Connection", said) in parts(problem(BadTarget(), "id-1", keep_alive=keep_alive))[1]


def test_plain_response() -> None:
    """Another answer of the gateway's own is whole and is not stored."""
    assert plain_response(200, b"{}", content_type="application/json", fields=(("X-A", "b"),)) == (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        b"Cache-Control: no-store\r\nConnection: keep-alive\r\nX-A: b\r\n\r\n{}"
    )


def test_status_without_a_phrase() -> None:
    """A status that has no phrase keeps the space that its line needs (RFC 9112 section 4)."""
    assert plain_response(599, b"", content_type="text/plain").startswith(b"HTTP/1.1 599 \r\n")


@pytest.mark.parametrize(("keep_alive", "said"), [(True, b"keep-alive"), (False, b"close")])
def test_empty_response(keep_alive: bool, said: bytes) -> None:
    """A 204 has its fields and no length, for it can have no body (RFC 9110 section 8.6)."""
    assert empty_response((("Vary", "Origin"),), keep_alive=keep_alive) == (
        b"HTTP/1.1 204 No Content\r\nVary: Origin\r\nConnection: " + said + b"\r\n\r\n"
    )
