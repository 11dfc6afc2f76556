"""A listening socket that lets nobody in any more, seen from its clients' sockets."""

from __future__ import annotations

import os
import socket

from tentaculo.relay.arrivals import let_nobody_in, waiting_at

ESTABLISHED, SYN_SENT = 1, 2


def connecting(address: tuple[str, int]) -> socket.socket:
    """Begin to connect, and wait for nothing."""
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(address)
    return client


def state_of(client: socket.socket) -> int:
    """Return the state of its connection (Linux tcp_info, the first byte)."""
    return client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


def test_nobody_new_gets_in() -> None:
    """Who begins to connect is not answered; who was connected is accepted, and is heard."""
    listening = socket.create_server(("127.0.0.1", 0))
    with listening, connecting(listening.getsockname()) as early:
        assert state_of(early) == ESTABLISHED
        let_nobody_in(listening.fileno())
        with connecting(listening.getsockname()) as late:
            assert state_of(late) == SYN_SENT
            assert waiting_at(listening.fileno()) == 1
            accepted, address = listening.accept()
            assert waiting_at(listening.fileno()) == 0
            with accepted:
                assert address == early.getsockname()
                early.sendall(b"a call")
                assert accepted.recv(100) == b"a call"


def test_socket_goes_on() -> None:
    """It is still open, and its descriptor is the caller's."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        let_nobody_in(listening.fileno())
        os.fstat(listening.fileno())


def test_what_takes_no_filter_is_left_alone() -> None:
    """A file that is no socket is no fault."""
    with open(os.devnull, "rb") as file:
        let_nobody_in(file.fileno())
        assert waiting_at(file.fileno()) == 0
