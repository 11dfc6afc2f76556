"""One worker as its supervisor sees it: a process, the channel to it, and what is known of its state."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import tentaculo
from tentaculo.workers.asking import Asking
from tentaculo.workers.channel import Channel, Message, make_pair
from tentaculo.workers.handing import read_memory

# Found where this one was, whatever the working directory holds.
_START = (
    "import sys; root = sys.argv.pop(2); root in sys.path or sys.path.insert(0, root); "
    "from tentaculo.workers.worker import main; main()"
)


class Member:
    """A worker process; `settings` are those that it was started with, or reloaded since.

    `started` is set by its first outcome: None once it serves, a sentence where it can't, an empty one where
    it ended before.
    """

    def __init__(self, process: asyncio.subprocess.Process, channel: Channel, token: str) -> None:
        loop = asyncio.get_running_loop()
        self._process = process
        self._channel = channel
        self.asking = Asking(channel, token)
        self.started: asyncio.Future[str | None] = loop.create_future()
        self.gone = asyncio.Event()  # a successor may be started
        self.ended: asyncio.Future[int] = loop.create_future()
        self.is_leaving = False
        self.counts = {"streams_ended": 0, "exchanges_cut": 0}
        self.exposition = b""
        self._reloaded: asyncio.Future[tuple[str, ...] | None] | None = None
        channel.listen(self._heard, lambda: None)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def serves(self) -> bool:
        """Whether it has started, and not ended."""
        return self.started.done() and self.started.result() is None and not self.ended.done()

    def send(self, message: Message, descriptors: list[int] | None = None) -> bool:
        """Send a message; return whether that could be done."""
        with suppress(OSError):
            self._channel.send(message, descriptors or ())
            return True
        return False

    async def reload(self, packed: int, sockets: list[int], seconds: float) -> tuple[str, ...] | None:
        """Have it take settings, and go over to sockets if there are any; return the problems of that.

        None is no answer in time; one that has ended has no problems, since its successor starts with them.
        """
        if self.ended.done():
            return ()
        self._reloaded = asyncio.get_running_loop().create_future()
        if not self.send({"do": "reload"}, [packed, *sockets]):
            return None
        with suppress(TimeoutError):
            return await asyncio.wait_for(self._reloaded, seconds)
        return None

    def replace(self, *, at_once: bool) -> None:
        """Have it end, so that a successor is started."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL if at_once else signal.SIGTERM)

    async def watch(self) -> int:
        """Wait for its end and return the exit code, negative for a signal; then its successor may come."""
        code = await self._process.wait()
        self._read_the_rest()
        self.ended.set_result(code)
        if not self.started.done():
            self.started.set_result("")
        if self._reloaded is not None and not self._reloaded.done():
            self._reloaded.set_result(())
        self.gone.set()
        await self.asking.aclose()
        self._channel.close()
        return code

    def _read_the_rest(self) -> None:
        with suppress(OSError):
            while (received := self._channel.receive()) is not None:
                self._heard(*received)

    def _heard(self, message: Message, descriptors: list[int]) -> None:
        match message:
            case {"started": True}:
                self.started.set_result(None)
            case {"failed": sentence}:
                self.started.set_result(sentence)
            case {"leaving": True}:
                self.is_leaving = True
                self.gone.set()
            case {"drained": counts}:
                self.counts = counts
                self.exposition = read_memory(descriptors[0])
            case {"reloaded": _, "problems": problems} if self._reloaded and not self._reloaded.done():
                self._reloaded.set_result(tuple(problems))


async def start_member(packed: int, turns: int, sockets: list[int], token: str) -> Member:
    """Start a worker process.  Raises OSError where the system does not let."""
    ours, theirs = make_pair()
    root = str(Path(tentaculo.__file__).parent.parent)
    try:
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-c", _START, str(theirs.fileno()), root),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is the supervisor's alone
            )
    except BaseException:
        ours.close()
        raise
    channel = Channel(ours)
    member = Member(process, channel, token)
    member.send({"do": "start"}, [packed, turns, *sockets])
    return member


def how_it_ended(code: int) -> dict[str, Any]:
    """Return an exit code, or the name of a signal, as a field of a log event."""
    if code >= 0:
        return {"exit_code": code}
    try:
        return {"signal": signal.Signals(-code).name}
    except ValueError:
        return {"signal": str(-code)}
