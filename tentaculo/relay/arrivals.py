"""The end of a listening socket, as its clients see it: nobody who got a connection loses it unanswered.

To close one resets the connections that the system has made and nobody has accepted yet.  A client may have
sent a call into them already, and a proxy repeats none that is not safe to repeat.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from contextlib import suppress

# Classic BPF (Linux socket filter) on the TCP header: drop what has SYN set, pass all else whole.
_STEPS = (
    (0x30, 0, 0, 13),  # load the byte of the flags
    (0x45, 0, 1, 0x02),  # skip the next where SYN is not set
    (0x06, 0, 0, 0),
    (0x06, 0, 0, 0xFFFFFFFF),
)
_SO_ATTACH_FILTER = 26
_QUEUE_PLACE = 24  # of tcpi_unacked in tcp_info: for a listening socket, how many wait to be accepted


def let_nobody_in(descriptor: int) -> None:
    """Have a listening socket ignore those who begin to connect; it accepts all who began before.

    Whoever is ignored asks again within a second, and is refused if the socket is closed by then.
    Without such filters, as on other systems than Linux, nothing changes.
    """
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _STEPS))
    program = struct.pack("HP", len(_STEPS), ctypes.addressof(code))
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def waiting_at(descriptor: int) -> int:
    """Return how many connections of a listening socket nobody has accepted, 0 where that can't be told."""
    with suppress(OSError, struct.error), socket.socket(fileno=os.dup(descriptor)) as listening:
        told = listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _QUEUE_PLACE + 4)
        return int(struct.unpack_from("I", told, _QUEUE_PLACE)[0])
    return 0
