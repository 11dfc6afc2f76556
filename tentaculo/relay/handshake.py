"""A client's connection on its way under TLS, and the transport it has from then on."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from tentaculo.relay.listener import Listener
    from tentaculo.relay.timed import TimedConnection

HIGH_WATER = 64 * 1024  # what a connection without TLS holds before it calls its client slow
BACKSTOP_SECONDS = 3600.0  # never reached: the connection times its handshake and its end itself


class Handshake(asyncio.Protocol):
    """Stands for a connection until it is under TLS; the connection is counted and timed meanwhile."""

    def __init__(self, listener: Listener, connection: TimedConnection, context: ssl.SSLContext) -> None:
        self._listener = listener
        self._connection = connection
        self._context = context
        self._transport: asyncio.Transport
        self._steps: Coroutine[Any, Any, asyncio.Transport | None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._listener.handshakes.add(self)
        self._connection.handshake = self
        self._connection.arrived(transport, "https")
        self._steps = asyncio.get_running_loop().start_tls(
            self._transport,
            self,
            self._context,
            server_side=True,
            ssl_handshake_timeout=BACKSTOP_SECONDS,
            ssl_shutdown_timeout=BACKSTOP_SECONDS,
        )
        # Not in a task: the transport reads as soon as this returns, and must have its new protocol.
        self._steps.send(None).add_done_callback(self._over)

    def abort(self) -> None:
        """Give up."""
        self._transport.abort()

    def _over(self, waiter: asyncio.Future[None]) -> None:
        self._listener.handshakes.discard(self)
        self._connection.handshake = None
        secured = self._secured()
        if secured is None or secured.is_closing():
            self._connection.connection_lost(None)
        else:
            secured.set_protocol(self._connection)
            self._connection.connection_made(SecuredTransport(secured, self._transport, self._connection))

    def _secured(self) -> asyncio.Transport | None:
        """Return what the handshake led to, None where the client speaks no TLS, no safe one, or left."""
        try:
            self._steps.send(None)
        except StopIteration as done:
            return cast(asyncio.Transport, done.value)
        except OSError:  # an ssl.SSLError is one
            pass
        return None


class SecuredTransport(asyncio.Transport):
    """The transport of a connection under TLS; unlike uvloop's own it tells all that is unsent."""

    def __init__(
        self, secured: asyncio.Transport, wire: asyncio.Transport, connection: TimedConnection
    ) -> None:
        super().__init__()
        self._secured = secured
        self._wire = wire
        self._connection = connection
        secured.set_write_buffer_limits(HIGH_WATER)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send, unless the client ended its side without a word: then it takes no more either."""
        if self._wire.is_closing():
            self._connection.farewell()
        else:
            self._secured.write(data)

    def close(self) -> None:
        """Send what is left and say goodbye; the connection gives the client time to say it too."""
        self._connection.farewell()
        self._secured.close()

    def get_write_buffer_size(self) -> int:
        """Return the bytes that the system has not taken yet, enciphered or not."""
        return self._secured.get_write_buffer_size() + self._wire.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the connection; its socket only while it has one."""
        return self._secured.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """Return whether it is closed, or about to be."""
        return self._secured.is_closing()

    def pause_reading(self) -> None:
        """Deliver nothing for now."""
        self._secured.pause_reading()

    def resume_reading(self) -> None:
        """Go on."""
        self._secured.resume_reading()

    def abort(self) -> None:
        """Close at once, without a goodbye: what came is not all there was."""
        self._secured.abort()
