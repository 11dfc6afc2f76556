"""An upstream that keeps every byte of every connection and answers whole requests with one fixed reply."""

from __future__ import annotations

from tests.fakes.messages import Cut, Head, Malformed, Message, read_body, read_head, request_framing
from tests.fakes.sockets import Listener, Wire

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nrecorded"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Recorder:
    """`heads` are requests begun, `requests` those that came whole; `/…/up` is answered with `reply`."""

    def __init__(self, *, reply: bytes = OK, close_after: bool = False) -> None:
        self.heads: list[Head] = []
        self.requests: list[Message] = []
        self.malformed: list[Malformed] = []
        self._reply = reply
        self._close_after = close_after
        self._listener = Listener(self._serve)
        self.start = self._listener.start
        self.stop = self._listener.stop

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._listener.port

    @property
    def connections(self) -> int:
        """How many connections were made to it."""
        return len(self._listener.wires)

    @property
    def seen(self) -> str:
        """Every byte of every connection, as Latin-1 text."""
        return b"".join(wire.seen for wire in self._listener.wires).decode("latin-1")

    @property
    def leftover(self) -> bytes:
        """Bytes on any connection that belong to no whole request."""
        return b"".join(wire.leftover for wire in self._listener.wires)

    async def _serve(self, wire: Wire) -> None:
        try:
            while await self._answer_one(wire):
                pass
        except Cut:
            return
        except Malformed as error:
            self.malformed.append(error)

    async def _answer_one(self, wire: Wire) -> bool:
        head = await read_head(wire.source)
        framing = request_framing(head)
        self.heads.append(head)
        if head.values("Expect"):
            wire.writer.write(CONTINUE)
        message = await read_body(wire.source, head, framing)
        if not message.complete:
            return False
        self.requests.append(message)
        canned = head.target.partition("?")[0].endswith("/up")
        wire.writer.write(self._reply if canned else OK)
        await wire.writer.drain()
        return not (canned and self._close_after)
