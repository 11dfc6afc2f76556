"""A request around what aiohttp's parser made."""

from __future__ import annotations

import pytest

from tests.fakes.gates import soon
from tests.relay.parts import CLIENT, parsed_request

HEADS = {
    "no body": (b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n", False),
    "length zero": (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", False),
    "length": (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", True),
    "chunked": (b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", True),
}


@pytest.mark.parametrize(("head", "has_body"), HEADS.values(), ids=HEADS)
async def test_body_is_known_from_the_head(head: bytes, has_body: bool) -> None:
    """The head alone tells whether a body is to come."""
    request = parsed_request(head)
    assert request.has_body is has_body
    assert request.body.is_eof() is not has_body


async def test_head_is_the_parsers() -> None:
    """The head stays as it was parsed, raw bytes included."""
    message = parsed_request(b"GET /x?a=%zz HTTP/1.1\r\nHost: a\r\nX-Odd:  \xff \r\n\r\n").message
    assert (message.method, message.path) == ("GET", "/x?a=%zz")
    assert message.raw_headers == ((b"Host", b"a"), (b"X-Odd", b"\xff"))


async def test_connection_is_at_hand() -> None:
    """A request knows the connection that it came on."""
    assert parsed_request(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").connection.peer is CLIENT


async def test_reader_of_the_body_learns_of_a_lost_connection() -> None:
    """When aiohttp cancels the request, reading its body fails instead of waiting for ever."""
    request = parsed_request(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf")
    assert await soon(request.body.readany()) == b"half"
    request._cancel(ConnectionResetError("gone"))  # aiohttp's own name for it
    with pytest.raises(ConnectionResetError):
        await soon(request.body.readany())


async def test_end_of_a_request_leaves_its_body_alone() -> None:
    """aiohttp's last call changes nothing: what was read ahead can still be read."""
    request = parsed_request(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
    request._finish()  # aiohttp's own name for it
    assert await soon(request.body.read()) == b"body"
