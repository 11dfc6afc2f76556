"""A client's connection with what aiohttp's lacks: limits on waiting, for heads and for slow clients.

It also knows who the client is, refuses it when there are too many, and tells whoever sends when
the client takes no more.
"""

from __future__ import annotations

import asyncio
import enum
import fcntl
import socket
import struct
import termios
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web
from aiohttp.http import HttpRequestParser
from aiohttp.web_protocol import MAX_MSG_QUEUE_SIZE, RequestPayloadError

from tentaculo.errors import GatewayError
from tentaculo.upstream.deadlines import NEVER
from tentaculo.wire.forwarded import untrusted_lines

if TYPE_CHECKING:
    from tentaculo.relay.handshake import Handshake
    from tentaculo.relay.listener import Listener

REFUSAL_SECONDS = 1.0
FAREWELL_SECONDS = 1.0
ANY_SIZE = 1 << 62


class Flow(Protocol):
    """What wants to know whether the client takes more bytes."""

    def client_paused(self) -> None:
        """Stop sending."""

    def client_resumed(self) -> None:
        """Go on sending."""

    def client_stalled(self) -> None:
        """Give up: the client took nothing for too long."""


class Waiting(enum.Enum):
    """What a connection's deadline is for."""

    HEAD = "head"
    CLIENT = "client"


class TimedConnection(web.RequestHandler):
    """A client's connection; `peer` and its `forwarded` lines are set once it has arrived.

    Under TLS that is before it is made: `handshake` stands for it in between.
    """

    __slots__ = (
        "_ending",
        "_head_deadline",
        "_leaving",
        "_socket_descriptor",
        "_unsent",
        "_waiting",
        "deadline",
        "flow",
        "forwarded",
        "handshake",
        "listener",
        "peer",
        "refusal",
    )

    def __init__(self, listener: Listener, *, loop: asyncio.AbstractEventLoop) -> None:
        limits = listener.limits
        # The parser names the limit that was passed, so the two must differ to be told apart.
        super().__init__(
            listener,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=limits.keep_alive,
            max_line_size=limits.request_line,
            max_field_size=limits.header + (limits.header == limits.request_line),
            max_headers=listener.max_fields,
            lingering_time=listener.lingering_seconds,
            read_bufsize=listener.read_buffer,
            auto_decompress=False,
        )
        self.listener = listener
        self.handshake: Handshake | None = None
        self._ending = False
        self._head_deadline = NEVER
        self._leaving: asyncio.Transport | None = None
        self.refusal: GatewayError | None = None
        self._socket_descriptor = -1
        self._unsent = 0
        self._waiting = Waiting.HEAD
        self.deadline = NEVER
        self.flow: Flow | None = None

    # Life.

    def arrived(self, transport: asyncio.BaseTransport, scheme: str = "http") -> None:
        """Admit or refuse the connection, and start the timer of its first head."""
        self._socket_descriptor = transport.get_extra_info("socket").fileno()
        self.peer = self.listener.peer_of(transport, scheme)
        self.forwarded = b"" if self.peer.trusted else untrusted_lines(self.peer)
        self.refusal = self.listener.admit(self)
        patience = self.listener.limits.header_timeout
        self.head_began(patience if self.refusal is None else min(patience, REFUSAL_SECONDS))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Go to work; without TLS the connection arrives only now."""
        super().connection_made(transport)
        if self._socket_descriptor < 0:
            self.arrived(transport)

    def eof_received(self) -> None:
        """The client closes its side, and with that the transport closes."""
        self.listener.outbox.flush()
        super().eof_received()
        self.farewell()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self.listener.deadlines.forget(self)
        self.listener.released(self)

    def force_close(self) -> None:
        """Close, but not without bound when the client takes nothing of what is left."""
        self.listener.outbox.flush()
        if self.transport is not None:
            self.watch_close()
        elif self.handshake is not None:
            self.handshake.abort()
        super().force_close()

    def farewell(self) -> None:
        """Time the end of a connection that closes once the client has all, or has said goodbye too."""
        if not self._ending:
            self._ending = True
            self._leaving = self._leaving or self.transport
            self._unsent = ANY_SIZE
            self._watch(Waiting.CLIENT, self.listener.deadlines.clock() + FAREWELL_SECONDS)

    def watch_close(self) -> None:
        """Give what is unsent `write_timeout` for each bit of progress, then cut it."""
        transport = self._leaving = self.transport
        if transport is not None and transport.get_write_buffer_size():
            self._unsent = self._outstanding(transport)
            self._watch_client()

    def cut(self) -> None:
        """Reset the connection, so that the client can't take what it got for all there is."""
        self.listener.outbox.flush()
        transport = self.transport
        if transport is not None:
            sock = transport.get_extra_info("socket")
            if sock is not None:  # under TLS, one that is lost already
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()

    def refuse(self, error: GatewayError) -> None:
        transport = self.transport
        if transport is not None and not transport.is_closing():
            self.listener.outbox.flush()
            transport.write(self.listener.refused(self, error))
            self.force_close()

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log what aiohttp's task failed with, but not that a body is broken which nobody reads any more."""
        if not isinstance(kw.get("exc_info"), GatewayError):
            super().log_exception(*args, **kw)

    def renew_parser(self) -> None:
        """Read on with a new parser: aiohttp's takes a body's last trailer for a field of a later head."""
        self._parser = HttpRequestParser(
            self,
            self._loop,
            self.listener.read_buffer,
            max_line_size=self.max_line_size,
            max_field_size=self.max_field_size,
            max_headers=self.max_headers,
            payload_exception=RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=MAX_MSG_QUEUE_SIZE,
        )

    # Writing.

    def pause_writing(self) -> None:
        """The client is slow: stop whoever sends, and time its progress."""
        super().pause_writing()
        if self.flow is not None:
            self.flow.client_paused()
        if self.transport is not None:
            self._unsent = self._outstanding(self.transport)
        self._watch_client()

    def resume_writing(self) -> None:
        """The client took what was written."""
        super().resume_writing()
        self._await_head()
        if self.flow is not None:
            self.flow.client_resumed()

    async def room(self) -> None:
        """Wait until the client has taken enough of what was written for more."""
        if self.writing_paused and self.transport is not None:
            await self._drain_helper()

    def _outstanding(self, transport: asyncio.Transport) -> int:
        """Bytes that the client's system has not acknowledged yet."""
        return transport.get_write_buffer_size() + _unacknowledged(self._socket_descriptor)

    # Timers.

    def _watch(self, waiting: Waiting, deadline: float) -> None:
        self._waiting = waiting
        self.deadline = deadline
        self.listener.deadlines.watch(self)

    def _watch_client(self) -> None:
        self._watch(Waiting.CLIENT, self.listener.deadlines.clock() + self.listener.limits.write_timeout)

    def _await_head(self) -> None:
        """Go back to waiting for a head, if one has begun; a slow client comes first."""
        if self._head_deadline is NEVER:
            self.listener.deadlines.forget(self)
        else:
            self._watch(Waiting.HEAD, self._head_deadline)

    def head_began(self, seconds: float | None = None) -> None:
        """Time a head, from its first byte; `seconds` are `header_timeout` unless given."""
        if self._head_deadline is NEVER:
            patience = self.listener.limits.header_timeout if seconds is None else seconds
            self._head_deadline = self.listener.deadlines.clock() + patience
            if not self.writing_paused:
                self._await_head()

    def head_arrived(self) -> None:
        """Stop the timer of a head that is whole."""
        if self._head_deadline is not NEVER:
            self._head_deadline = NEVER
            if self._waiting is Waiting.HEAD:
                self.listener.deadlines.forget(self)

    def head_overdue(self) -> None:
        """Act on a head that did not come in time."""
        self.force_close()

    @property
    def is_at_work(self) -> bool:
        """Whether a request is being answered; the next one's head need not hurry."""
        return False

    def expire(self) -> None:
        """Act on the deadline: a head that did not come, or a client that takes nothing."""
        if self._waiting is Waiting.CLIENT:
            self._check_progress()
        elif self.is_at_work:
            self._head_deadline = NEVER
            self.head_began()
        else:
            self.deadline = self._head_deadline = NEVER
            self.head_overdue()

    def _check_progress(self) -> None:
        """Cut a client that took nothing since the last look; a slow one goes on."""
        transport = self.transport or self._leaving
        unsent = self._outstanding(transport) if transport is not None else 0
        if 0 < unsent < self._unsent:
            self._unsent = unsent
            self._watch_client()
            return
        self.listener.deadlines.forget(self)
        if self.flow is not None:
            self.flow.client_stalled()
        if transport is not None:
            transport.abort()


def _unacknowledged(descriptor: int) -> int:
    """Bytes in the socket's send queue (Linux SIOCOUTQ), 0 where the system can't tell."""
    try:
        return int(struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, b"\0\0\0\0"))[0])
    except (OSError, ValueError):
        return 0
