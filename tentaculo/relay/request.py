"""A request as aiohttp's parser made it, without the objects that a framework would build on it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from aiohttp.abc import AbstractStreamWriter
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestHandler

from tentaculo.relay.heads import RequestHead, head_of

if TYPE_CHECKING:
    from tentaculo.relay.downstream import DownstreamConnection


_NOTHING: Final = EMPTY_PAYLOAD


class DirectExchange(Protocol):
    """An exchange that goes on without a task."""

    def begin(self) -> None:
        """Do all that needs no waiting; ends in `exchange_over` or `hand_over`, now or later."""

    def client_left(self) -> None:
        """Stop: there is nobody to answer."""


class Request:
    """One request head, its body to come, and the connection it came on.

    aiohttp's protocol takes it for a `web.BaseRequest`: of that it uses what is here.  `message` is
    a head that was read here, or a RawRequestMessage, a class of C's that its type stubs call a tuple.
    """

    __slots__ = ("_task", "body", "connection", "message")

    def __init__(
        self,
        message: Any,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter | None = None,
        task: asyncio.Task[None] | None = None,
    ) -> None:
        self.message: RequestHead = message if isinstance(message, RequestHead) else head_of(message)
        self.body = payload
        self.connection = cast("DownstreamConnection", protocol)
        self._task = task

    @property
    def has_body(self) -> bool:
        """Whether the head announces a body that is not empty."""
        return self.body is not _NOTHING

    def _finish(self) -> None:
        """aiohttp calls it at the end; there is nothing to clean up."""

    def _cancel(self, exc: BaseException) -> None:
        """aiohttp calls it when the connection is lost; whoever reads the body learns of it."""
        self.body.set_exception(exc)
