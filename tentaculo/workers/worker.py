"""One worker process: a gateway that listens on the sockets it was handed, and does as its supervisor says.

When the supervisor is gone it drains and ends.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvloop

from tentaculo.config.settings import Settings
from tentaculo.gateway import Gateway
from tentaculo.listening import Handed, StartError
from tentaculo.relay.tls import ignore_undecodable_names
from tentaculo.serving import prepare_process, report, settle_garbage
from tentaculo.telemetry.log_turns import FileTurns
from tentaculo.workers.channel import Channel, Message
from tentaculo.workers.handing import in_memory, unpack


def main() -> None:
    """Serve with the channel whose descriptor is the first argument, and exit."""
    sys.exit(run(Channel(socket.socket(fileno=int(sys.argv[1])))))


def run(channel: Channel) -> int:
    """Serve as the first message says; return 0 where all was drained, 1 where not, or it could not start."""
    received = channel.receive()
    if received is None:
        return 1
    _, (packed, turns, *sockets) = received
    settings = unpack(packed)
    prepare_process(settings)
    ignore_undecodable_names()
    handed = Handed([socket.socket(fileno=descriptor) for descriptor in sockets], FileTurns(turns))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(Worker(channel).serve(settings, handed))
    except StartError as fault:
        _send(channel, {"failed": str(fault)})
        return 1


class Worker:
    """What a worker does with the messages and signals that it gets."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._stopping = asyncio.Event()
        self._succeeded = False
        self._packed: list[int] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    async def serve(self, settings: Settings, handed: Handed) -> int:
        """Serve until told to end.  Raises StartError."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(report)
        self._handed = handed
        gateway = self._gateway = Gateway(settings, load=self._load, handed=handed)
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._leave)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)  # its supervisor reloads all or none
        loop.add_signal_handler(signal.SIGUSR1, gateway.reopen_log)
        await gateway.start()
        settle_garbage()
        _send(self._channel, {"started": True})
        self._channel.listen(self._heard, self._stop)
        await self._stopping.wait()
        drained = await gateway.stop(succeeded=self._succeeded)
        if gateway.drained is not None:
            counts = {
                "streams_ended": gateway.drained.streams_ended,
                "exchanges_cut": gateway.drained.exchanges_cut,
            }
            with in_memory(gateway.last_exposition()) as last:
                _send(self._channel, {"drained": counts}, last)
        return 0 if drained else 1

    def _heard(self, message: Message, descriptors: list[int]) -> None:
        orders: dict[str, Callable[[list[int]], None]] = {
            "admin": self._serve_admin,
            "reload": self._reload,
            "reopen": lambda none: self._gateway.reopen_log(),
            "drain": lambda none: self._stop(),
            "hurry": lambda none: self._gateway.hurry(),
        }
        orders[message["do"]](descriptors)

    def _serve_admin(self, descriptors: list[int]) -> None:
        connection = socket.socket(fileno=descriptors[0])
        connection.setblocking(False)
        self._keep(self._gateway.listening.serve_admin_on(connection))

    def _reload(self, descriptors: list[int]) -> None:
        packed, *sockets = descriptors
        self._packed.append(packed)
        self._handed.hand([socket.socket(fileno=descriptor) for descriptor in sockets] or None)
        self._keep(self._reloaded())

    async def _reloaded(self) -> None:
        reloaded = await self._gateway.reload()
        self._handed.hand(None)  # what was not taken is closed
        _send(self._channel, {"reloaded": reloaded.changes is not None, "problems": reloaded.problems})

    def _load(self) -> Settings:
        return unpack(self._packed.pop())

    def _leave(self) -> None:
        """End because of a signal of someone else's: a successor serves who comes from now on."""
        if self._stopping.is_set():
            self._gateway.hurry()
            return
        self._succeeded = True
        _send(self._channel, {"leaving": True})
        self._stopping.set()

    def _stop(self) -> None:
        self._stopping.set()

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _send(channel: Channel, message: Message, *descriptors: int) -> None:
    with suppress(OSError):  # a supervisor that is gone needs no news
        channel.send(message, descriptors)
