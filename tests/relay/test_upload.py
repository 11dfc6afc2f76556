"""A request's body on its way up."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestPayloadError

from tentaculo.config.settings import Limits
from tentaculo.errors import BadRequest, BodyTooLarge, GatewayError, RequestTimeout, UpstreamTimeout
from tentaculo.relay.upload import Upload
from tests.fakes.gates import soon
from tests.relay.parts import REQUEST, ClientEnd, Upstream
from tests.upstream.fakes import Sink, ask_for

LAST = b"0\r\n\r\n"
SHORT = 0.03


class Sent:
    """A body that the test sends piece by piece, while it is pumped to an upstream."""

    def __init__(self, backend: Upstream, limits: Limits | None = None, *, chunked: bool = False) -> None:
        self.body = body_of()
        self.upload = Upload(self.body, limits or Limits(), chunked=chunked)
        self.sink = Sink()
        self._backend = backend
        backend.connection.ask(ask_for(self.sink), REQUEST, whole=False)
        self._pump = asyncio.ensure_future(self.upload.pump(backend.connection))

    async def send(self, data: bytes) -> bytes:
        """Send a piece; what of it went up."""
        before = len(self.up)
        self.body.feed_data(data)
        await self.settle()
        return self.up[before:]

    async def settle(self) -> None:
        """Let the pump do what it can."""
        for _ in range(5):
            await asyncio.sleep(0)

    async def result(self) -> GatewayError | None:
        """Wait for what the pump says at its end."""
        return await soon(self._pump)

    @property
    def up(self) -> bytes:
        """What went up behind the head."""
        return self._backend.transport.written.removeprefix(REQUEST)

    @property
    def is_over(self) -> bool:
        """Whether the pump came to its end."""
        return self._pump.done()


def body_of(*pieces: bytes, ended: bool = False) -> StreamReader:
    """Make a body of which some has come."""
    body = StreamReader(ClientEnd(), 2**16, loop=asyncio.get_running_loop())
    for piece in pieces:
        body.feed_data(piece)
    if ended:
        body.feed_eof()
    return body


# A body that is there already.


WHOLE = {
    "length": ((b"abc", b"def"), False, b"abcdef"),
    "chunked": ((b"abc", b"d" * 20), True, b"17\r\nabc" + b"d" * 20 + b"\r\n" + LAST),
    "chunked, empty": ((), True, LAST),
    "length, empty": ((), False, b""),
}


@pytest.mark.parametrize(("pieces", "chunked", "framed"), WHOLE.values(), ids=WHOLE)
async def test_whole_body(pieces: tuple[bytes, ...], chunked: bool, framed: bytes) -> None:
    """A body that has come whole is framed in one piece, and counted without its framing."""
    upload = Upload(body_of(*pieces, ended=True), Limits(), chunked=chunked)
    assert upload.is_complete
    assert upload.at_hand() == framed
    assert upload.bytes_in == sum(map(len, pieces))


async def test_body_is_incomplete_until_its_end() -> None:
    """Bytes alone do not make a body whole: its end must have come."""
    body = body_of(b"abc")
    upload = Upload(body, Limits(), chunked=True)
    assert not upload.is_complete
    body.feed_eof()
    assert upload.is_complete


async def test_whole_body_over_the_limit() -> None:
    """A body of exactly the limit passes, one byte more is refused."""
    limits = Limits(body=3)
    assert Upload(body_of(b"abc", ended=True), limits, chunked=False).at_hand() == b"abc"
    with pytest.raises(BodyTooLarge):
        Upload(body_of(b"abcd", ended=True), limits, chunked=True).at_hand()


# A body to come.


async def test_body_goes_up_as_it_comes(backend: Upstream) -> None:
    """With a length each piece goes up at once and as it is."""
    sent = Sent(backend)
    assert await sent.send(b"abc") == b"abc"
    assert await sent.send(b"def") == b"def"
    assert not sent.is_over
    sent.body.feed_eof()
    assert await sent.result() is None
    assert sent.up == b"abcdef"
    assert sent.upload.bytes_in == 6


async def test_chunked_body_is_framed_anew(backend: Upstream) -> None:
    """In chunks each piece is a chunk of its own, and the last chunk comes with the end alone."""
    sent = Sent(backend, chunked=True)
    assert await sent.send(b"abc") == b"3\r\nabc\r\n"
    assert await sent.send(b"d" * 26) == b"1a\r\n" + b"d" * 26 + b"\r\n"
    sent.body.feed_eof()
    assert await sent.result() is None
    assert sent.up.endswith(b"d\r\n" + LAST)
    assert sent.upload.bytes_in == 29


async def test_wait_for_the_reply_begins_at_the_end(backend: Upstream) -> None:
    """As long as the client sends, the upstream's time to answer stands still."""
    sent = Sent(backend)
    await sent.send(b"abc")
    backend.pass_time(3600)
    sent.body.feed_eof()
    assert await sent.result() is None
    backend.pass_time(29.9)
    assert sent.sink.is_silent
    backend.pass_time(0.2)
    assert isinstance(await sent.sink.failure(), UpstreamTimeout)


async def test_body_past_the_limit_stops(backend: Upstream) -> None:
    """The bytes that pass the limit don't go up, and nothing makes the body look whole."""
    sent = Sent(backend, Limits(body=5), chunked=True)
    await sent.send(b"abc")
    await sent.send(b"def")
    assert isinstance(await sent.result(), BodyTooLarge)
    assert sent.up == b"3\r\nabc\r\n"


FAULTS: dict[str, tuple[BaseException, type[GatewayError]]] = {
    "aiohttp's parser": (RequestPayloadError("secret"), BadRequest),
    "the gateway's own": (BadRequest("body"), BadRequest),
}


@pytest.mark.parametrize(("fault", "error"), FAULTS.values(), ids=FAULTS)
async def test_broken_body(fault: BaseException, error: type[GatewayError], backend: Upstream) -> None:
    """A body whose framing is broken ends as the client's fault, without its text, and never as whole."""
    sent = Sent(backend, chunked=True)
    await sent.send(b"abc")
    sent.body.set_exception(fault)
    result = await sent.result()
    assert isinstance(result, error)
    assert result.reason == "body"
    assert sent.up == b"3\r\nabc\r\n"


async def test_client_that_stops_sending(backend: Upstream) -> None:
    """Each piece has `body_timeout` to come; a client that sends nothing for so long is told so."""
    sent = Sent(backend, Limits(body_timeout=SHORT))
    await sent.send(b"abc")
    result = await sent.result()
    assert isinstance(result, RequestTimeout)
    assert sent.up == b"abc"


async def test_client_that_leaves(backend: Upstream) -> None:
    """A client that left is no fault of anyone's: the pump ends as cancelled."""
    sent = Sent(backend)
    await sent.settle()
    sent.body.set_exception(ConnectionResetError())
    with pytest.raises(asyncio.CancelledError):
        await sent.result()


# Flow control.


async def test_slow_upstream_holds_the_client(backend: Upstream) -> None:
    """While the upstream takes nothing more, nothing more is read of the client's body."""
    sent = Sent(backend)
    backend.connection.pause_writing()
    assert await sent.send(b"abc") == b"abc"
    assert await sent.send(b"def") == b""
    backend.connection.resume_writing()
    await sent.settle()
    assert sent.up == b"abcdef"


async def test_upstream_that_takes_nothing(backend: Upstream) -> None:
    """An upstream that takes no byte for `write_timeout` fails the exchange."""
    sent = Sent(backend, Limits(write_timeout=SHORT))
    backend.connection.pause_writing()
    backend.transport.unsent = 100
    await sent.send(b"abc")
    result = await sent.result()
    assert isinstance(result, UpstreamTimeout)
    assert result.reason == "upload"


async def test_upstream_that_takes_some_and_then_nothing(backend: Upstream) -> None:
    """Progress is measured from look to look: what was taken once buys no time for ever."""
    sent = Sent(backend, Limits(write_timeout=SHORT))
    backend.connection.pause_writing()
    backend.transport.unsent = 100
    await sent.send(b"abc")
    backend.transport.unsent = 50
    assert isinstance(await sent.result(), UpstreamTimeout)


async def test_upstream_that_takes_little(backend: Upstream) -> None:
    """Each bit of progress gives a slow upstream its full time again."""
    sent = Sent(backend, Limits(write_timeout=SHORT))
    backend.connection.pause_writing()
    backend.transport.unsent = 100
    loop = asyncio.get_running_loop()
    began = loop.time()

    def take_some() -> None:
        backend.transport.unsent -= 10
        if backend.transport.unsent:
            loop.call_later(SHORT / 3, take_some)
        else:
            backend.connection.resume_writing()

    take_some()
    sent.body.feed_data(b"abc")
    sent.body.feed_eof()
    assert await sent.result() is None
    assert loop.time() - began > 2 * SHORT
