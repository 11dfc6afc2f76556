"""The load of `calls-new` with TLS: every call makes a connection with a full handshake, and ends it.

A process of its own that prints one line of JSON. Its clients are processes with blocking sockets, and none
takes up a session again: that is why it is not wrk, which does.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import ssl
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from scripts.benchmarks.load_process import run_process, serve_plan
from scripts.benchmarks.paced_load import whole
from scripts.benchmarks.wrk import LoadFailed

MODULE = "scripts.benchmarks.handshake_load"
ANSWER_SECONDS = 5.0
READ_BYTES = 1 << 16
VERSION = ssl.TLSVersion.TLSv1_3  # of all peers, or they would be compared by their defaults


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakePlan:
    """`clients` at a time, each calling again and again for `seconds`; `credential` is a header line."""

    port: int
    clients: int
    seconds: float
    credential: str = field(repr=False)
    path: str = "/operator/api/status"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeLoad:
    """How many calls were answered, each on its own connection."""

    calls: int
    seconds: float


def make_context() -> ssl.SSLContext:
    """Return what a client of these benchmarks connects with; the peers' certificate is of nobody's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = VERSION
    return context


def call_once(context: ssl.SSLContext, port: int, request: bytes) -> None:
    """Connect, shake hands, call, and leave; raise LoadFailed for a wrong answer."""
    address = ("127.0.0.1", port)
    with (
        socket.create_connection(address, ANSWER_SECONDS) as plain,
        context.wrap_socket(plain, suppress_ragged_eofs=True) as connection,
    ):
        if connection.session_reused:
            raise LoadFailed("a session was taken up again")
        connection.sendall(request)
        answer = b""
        while (status := whole(answer)) is None:
            part = connection.recv(READ_BYTES)
            if not part:
                raise LoadFailed("a connection ended before its answer")
            answer += part
    if status != b"200":
        raise LoadFailed(f"the peer answered {status.decode()}")


async def press(plan: HandshakePlan) -> HandshakeLoad:
    """Run the load to its end and return what was seen; raises LoadFailed."""
    loop, start = asyncio.get_running_loop(), time.monotonic()
    with ProcessPoolExecutor(plan.clients, multiprocessing.get_context("fork")) as pool:
        clients = [loop.run_in_executor(pool, _keep_calling, plan, start) for _ in range(plan.clients)]
        calls = sum(await asyncio.gather(*clients))
    return HandshakeLoad(calls=calls, seconds=time.monotonic() - start)


def _keep_calling(plan: HandshakePlan, start: float) -> int:
    request = (
        f"GET {plan.path} HTTP/1.1\r\nHost: bench\r\n{plan.credential}\r\nConnection: close\r\n\r\n"
    ).encode()
    calls, context = 0, make_context()
    while time.monotonic() < start + plan.seconds:
        call_once(context, plan.port, request)
        calls += 1
    return calls


def run_load(plan: HandshakePlan, python: str, pin: Sequence[str] = ()) -> HandshakeLoad:
    """Run the load in a process of its own; `pin` is put before the command. Raises LoadFailed."""
    return HandshakeLoad(**run_process(MODULE, plan, python, seconds=plan.seconds, pin=pin))


def main(arguments: Sequence[str]) -> int:
    """Run the load that the one argument describes and print what was seen."""
    return serve_plan(HandshakePlan, press, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
