"""The process around a gateway: its event loop, its signals and what it may use of the system."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvloop

from tentaculo.config.settings import Settings
from tentaculo.gateway import Gateway
from tentaculo.listening import StartError
from tentaculo.relay.own_files import browser_files
from tentaculo.relay.shared_streams import DESERTED_LIMIT
from tentaculo.relay.tls import ignore_undecodable_names

GARBAGE_THRESHOLD = 50_000  # exchanges leave no cycles; the default would look for some many times a second
RESERVED_DESCRIPTORS = 64
STDERR = 2
# glibc's mallopt(3): what may stay free at the top of the heap, what is asked for beyond the need, and from
# which size on an allocation is a mapping of its own, in bytes.
HEAP_OPTIONS = {-1: 16 << 20, -2: 1 << 20, -3: 4 << 20}


def run(settings: Settings, load: Callable[[], Settings]) -> int:
    """Serve until SIGTERM or SIGINT, of which a second one cuts what is left; `load` reads edits.

    Return the exit code: 0 where all was drained, 1 where something was cut.  Raises StartError.
    """
    prepare_process(settings)
    ignore_undecodable_names()
    check_installation()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(settings, load))


def check_installation() -> None:
    """Make sure that the files are there that browsers get, however it is configured.  Raises StartError."""
    try:
        browser_files()
    except OSError as fault:
        raise StartError(f"the installation is not whole: {fault.filename} can't be read") from None


async def _serve(settings: Settings, load: Callable[[], Settings]) -> int:
    gateway = Gateway(settings, load=load)
    stopping = asyncio.Event()

    def told_to_end() -> None:
        if stopping.is_set():
            gateway.hurry()
        stopping.set()

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report)
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, told_to_end)
    loop.add_signal_handler(signal.SIGHUP, gateway.reload_soon)
    loop.add_signal_handler(signal.SIGUSR1, gateway.reopen_log)
    await gateway.start()
    settle_garbage()
    await stopping.wait()
    drained = await gateway.stop()
    return 0 if drained else 1


def settle_garbage() -> None:
    """Have what was made at start never looked at as garbage, and the rest seldom."""
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, *gc.get_threshold()[1:])


def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what nobody caught, but for look-ups of names that nobody waited for any longer.

    uvloop lets one go on whose connection was given up in time; that it failed too is no news.
    """
    if not isinstance(context.get("exception"), socket.gaierror):
        loop.default_exception_handler(context)


def prepare_process(settings: Settings) -> None:
    """No core dumps, which would hold secrets; as many descriptors as the limits may need; a steady heap.

    Closed standard descriptors are opened on nothing, or sockets would get their numbers.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        pass
    os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * settings.limits.connections + DESERTED_LIMIT + RESERVED_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    keep_heap()


def keep_heap() -> None:
    """Have freed memory stay for the next buffer, where the C library is glibc.

    It would give the end of the heap back to the system and take it again for each piece of a large body.
    """
    with suppress(AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, size in HEAP_OPTIONS.items():
            mallopt(option, size)
