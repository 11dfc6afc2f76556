"""A network between gateway and upstream that falls silent: nothing arrives any more, and nobody is told.

It is one between two network namespaces where they may be made, and else a proxy that forwards nothing.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import subprocess
import threading
from pathlib import Path
from typing import Protocol

from tests.fakes.fault_proxy import Course, Fault, FaultProxy, Plan
from tests.fakes.upstream import ScriptedUpstream

CLONE_NEWNET = 0x40000000
SILENT = Plan(up=Course(Fault.STALL), down=Course(Fault.STALL))


class Partition(Protocol):
    """The network before an upstream, which answers at `address`."""

    address: str

    async def fall_silent(self) -> None:
        """Lose whatever is sent from now on."""

    async def heal(self) -> None:
        """Carry everything again."""

    async def aclose(self) -> None:
        """Take it down."""


class StalledProxy:
    """A proxy that keeps what it should forward."""

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy
        self.address = f"127.0.0.1:{proxy.port}"

    @classmethod
    async def open(cls, upstream: ScriptedUpstream) -> StalledProxy:
        """Stand before an upstream."""
        proxy = FaultProxy(upstream.port)
        await proxy.start()
        return cls(proxy)

    async def fall_silent(self) -> None:
        """Stall what is open and what is to come."""
        self._proxy.plan = SILENT
        for link in self._proxy.links:
            link.stall()

    async def heal(self) -> None:
        """Let all go on."""
        self._proxy.plan = Plan()
        for link in self._proxy.links:
            link.resume()

    async def aclose(self) -> None:
        """Stop the proxy."""
        await self._proxy.stop()


class Namespace:
    """A network namespace of its own, tied to this one by a pair of veth devices."""

    def __init__(self) -> None:
        number = os.getpid()
        self._name = f"tentaculo-{number}"
        self._near, self._far = f"tn{number}", f"tf{number}"
        subnet = f"10.{200 + number % 50}.{number // 50 % 250}"
        self._near_address, self._far_address = f"{subnet}.1", f"{subnet}.2"
        self._server: asyncio.Server | None = None
        self.address = ""

    @classmethod
    async def open(cls, upstream: ScriptedUpstream) -> Namespace | None:
        """Make one where an upstream listens; None where that is not allowed."""
        made = cls()
        if not made._tie():
            made._remove()
            return None
        sock = made._listening_socket()
        listener = upstream._listener
        made._server = await asyncio.get_running_loop().create_server(listener._protocol, sock=sock)
        port = sock.getsockname()[1]
        made.address = f"{made._far_address}:{port}"
        _, probe = await asyncio.open_connection(made._far_address, port)  # the first packets may get lost
        probe.close()
        return made

    def _tie(self) -> bool:
        name, near, far = self._name, self._near, self._far
        return all(
            _ran(*command.split())
            for command in (
                f"netns add {name}",
                f"link add {near} type veth peer name {far} netns {name}",
                f"addr add {self._near_address}/24 dev {near}",
                f"link set {near} up",
                f"-n {name} addr add {self._far_address}/24 dev {far}",
                f"-n {name} link set {far} up",
                f"-n {name} link set lo up",
            )
        )

    def _listening_socket(self) -> socket.socket:
        """Make a socket in the namespace; it belongs there, whoever uses it."""
        made: list[socket.socket] = []

        def make() -> None:
            with Path(f"/run/netns/{self._name}").open() as namespace:
                assert ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) == 0
            made.append(socket.create_server((self._far_address, 0)))

        thread = threading.Thread(target=make)  # only this thread changes over
        thread.start()
        thread.join()
        return made[0]

    async def fall_silent(self) -> None:
        """Lose all that the far side sends, acknowledgements too."""
        assert _ran("-n", self._name, "route", "replace", "blackhole", f"{self._near_address}/32")

    async def heal(self) -> None:
        """Carry it again."""
        assert _ran("-n", self._name, "route", "del", "blackhole", f"{self._near_address}/32")

    async def aclose(self) -> None:
        """Take the namespace down, and its devices with it."""
        if self._server is not None:
            self._server.close()
        self._remove()

    def _remove(self) -> None:
        _ran("link", "del", self._near)
        _ran("netns", "del", self._name)


def _ran(*arguments: str) -> bool:
    try:
        return (
            subprocess.run(["ip", *arguments], capture_output=True, check=False, timeout=10).returncode == 0
        )
    except FileNotFoundError:
        return False
