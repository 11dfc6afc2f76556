"""What a supervisor and a worker say to each other: small messages, each with the descriptors it hands over.

Knows nothing of what they mean.
"""

from __future__ import annotations

import asyncio
import os
import socket
from array import array
from collections.abc import Callable, Sequence
from typing import Any

import orjson

LONGEST_MESSAGE = 64 * 1024
MOST_DESCRIPTORS = 64  # of one message; a worker has a socket for each address that `listen` stands for

Message = dict[str, Any]
Received = tuple[Message, list[int]]


def make_pair() -> tuple[socket.socket, socket.socket]:
    """Return two ends of a channel, of which each child process gets only what it is given."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class Channel:
    """One end; whoever receives descriptors owns them."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._loop: asyncio.AbstractEventLoop | None = None

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Send a message and copies of descriptors.  Raises OSError where the other end takes none now."""
        copies = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", descriptors))] if descriptors else []
        # socket.send_fds of Python 3.11 leaves the flag out.
        self._end.sendmsg([orjson.dumps(message)], copies, socket.MSG_DONTWAIT)

    def receive(self) -> Received | None:
        """Return the next message, None at the end.  Raises BlockingIOError where it may not wait."""
        data, descriptors, _, _ = socket.recv_fds(self._end, LONGEST_MESSAGE, MOST_DESCRIPTORS)
        if not data:
            return None
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        return orjson.loads(data), list(descriptors)

    def listen(self, heard: Callable[[Message, list[int]], None], ended: Callable[[], None]) -> None:
        """Have `heard` called with each message from now on, and `ended` once when the other end is gone."""

        def ready() -> None:
            try:
                received = self.receive()
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                received = None
            if received is None:
                self._stop_listening()
                ended()
            else:
                heard(*received)

        self._end.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._end.fileno(), ready)

    def close(self) -> None:
        """Close this end."""
        self._stop_listening()
        self._end.close()

    def _stop_listening(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._end.fileno())
            self._loop = None
