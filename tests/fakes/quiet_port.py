"""A port where nobody listens yet, and nobody but the test can."""

from __future__ import annotations

import socket


class QuietPort:
    """Refuses connections until a fake listens at `port`; no other process gets that number."""

    def __init__(self, port: int = 0) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.port = int(self._socket.getsockname()[1])

    def close(self) -> None:
        """Give the number back."""
        self._socket.close()
