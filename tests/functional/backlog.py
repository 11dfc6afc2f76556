"""An address that neither accepts nor refuses: a listener whose backlog is full."""

from __future__ import annotations

import socket
from pathlib import Path

SYN_SENT = "02"


class FullBacklog:
    """Fill a listener's backlog, so that the next connection attempt hangs."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self.port = int(self._listener.getsockname()[1])
        self._fillers = [self._fill() for _ in range(3)]

    def _fill(self) -> socket.socket:
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.1", self.port))
        return filler

    def attempts(self) -> int:
        """Count the connection attempts that hang, less those that fill the backlog."""
        return hanging_attempts(self.port) - self._own

    @property
    def _own(self) -> int:
        ports = {filler.getsockname()[1] for filler in self._fillers}
        return sum(local in ports for local in _hanging(self.port))

    def close(self) -> None:
        """Give everything back."""
        for each in (*self._fillers, self._listener):
            each.close()


def hanging_attempts(port: int) -> int:
    """Count the sockets of this machine that are still connecting to a port."""
    return len(_hanging(port))


def _hanging(port: int) -> list[int]:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    wanted = f":{port:04X}"
    return [int(row[1].split(":")[1], 16) for row in rows if row[2].endswith(wanted) and row[3] == SYN_SENT]
