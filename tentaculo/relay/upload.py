"""A request's body on its way up, at the pace of whichever side is slower."""

from __future__ import annotations

import asyncio

from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestPayloadError

from tentaculo.config.settings import Limits
from tentaculo.errors import BadRequest, BodyTooLarge, GatewayError, RequestTimeout, UpstreamTimeout
from tentaculo.upstream.connection import UpstreamConnection


class Upload:
    """The body of one request; `bytes_in` counts what the client sent of it."""

    __slots__ = ("_body", "_limits", "bytes_in", "chunked")

    def __init__(self, body: StreamReader, limits: Limits, *, chunked: bool) -> None:
        self._body = body
        self._limits = limits
        self.chunked = chunked
        self.bytes_in = 0

    @property
    def is_complete(self) -> bool:
        """Whether the whole body has arrived, so that it can be sent with the head."""
        return self._body.is_eof()

    def at_hand(self) -> bytes:
        """Return a complete body, framed.  Raises BodyTooLarge."""
        data = self._body.read_nowait()
        framed = self._frame(data) if data else b""
        return framed + b"0\r\n\r\n" if self.chunked else framed

    async def pump(self, upstream: UpstreamConnection) -> GatewayError | None:
        """Send the body until its end; return what stopped it before, None for nothing."""
        try:
            while data := await self._read():
                upstream.write(self._frame(data))
                await self._drain(upstream)
        except GatewayError as error:
            return error
        if self.chunked:
            upstream.write(b"0\r\n\r\n")
        upstream.finish_request()
        return None

    async def _read(self) -> bytes:
        try:
            async with asyncio.timeout(self._limits.body_timeout):
                return await self._body.readany()
        except TimeoutError:
            raise RequestTimeout("body") from None
        except RequestPayloadError:
            raise BadRequest("body") from None
        except ConnectionError:  # the client left: the exchange is being cancelled too
            raise asyncio.CancelledError from None

    async def _drain(self, upstream: UpstreamConnection) -> None:
        unsent = upstream.unsent
        while True:
            try:
                async with asyncio.timeout(self._limits.write_timeout):
                    return await upstream.drained()
            except TimeoutError:
                if upstream.unsent >= unsent:
                    raise UpstreamTimeout("upload") from None
                unsent = upstream.unsent

    def _frame(self, data: bytes) -> bytes:
        self.bytes_in += len(data)
        if self._limits.body is not None and self.bytes_in > self._limits.body:
            raise BodyTooLarge("body")
        return b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data
