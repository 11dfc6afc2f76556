"""The shared streams that there are, by what makes clients share one."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from tentaculo.errors import GatewayError, InternalError
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.shared_source import SharedSource
from tentaculo.relay.shared_stream import SharedStream
from tentaculo.relay.sharing import Sharing, StreamKey, Wanted
from tentaculo.relay.subscription import Subscription

if TYPE_CHECKING:
    from tentaculo.relay.relay import Relay

DESERTED_LIMIT = 100


def random_epoch() -> str:
    """Return what no other stream's ids begin with, on any instance, before or after."""
    return secrets.token_hex(6)


class SharedStreams:
    """Opens a shared stream for its first client, and gives it up when nobody wants it any more."""

    def __init__(self, relay: Relay, new_epoch: Callable[[], str] = random_epoch) -> None:
        self._relay = relay
        self._new_epoch = new_epoch
        self._streams: dict[StreamKey, SharedStream] = {}
        self._tasks: dict[StreamKey, asyncio.Task[None]] = {}
        self._deserted: dict[StreamKey, None] = {}  # without clients, the longest first
        self._ending: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._streams)

    def join(self, plan: RoutePlan, sharing: Sharing, wanted: Wanted, client: Subscription) -> None:
        """Have a client fed from the stream that it wants."""
        self._deserted.pop(wanted.key, None)
        stream = self._streams.get(wanted.key)
        if stream is None:
            stream = self._open(plan, sharing, wanted)
        stream.join(client)

    def _open(self, plan: RoutePlan, sharing: Sharing, wanted: Wanted) -> SharedStream:
        key, relay = wanted.key, self._relay
        stream = self._streams[key] = SharedStream(
            relay,
            plan,
            on_deserted=lambda: self._note_deserted(key),
            on_idle=lambda: self._give_up(key, stream),
            new_epoch=self._new_epoch,
        )
        source = SharedSource(relay, plan, sharing, wanted, stream)
        self._tasks[key] = relay.loop.create_task(self._carry(key, stream, source), name="shared stream")
        return stream

    async def _carry(self, key: StreamKey, stream: SharedStream, source: SharedSource) -> None:
        error: GatewayError | None = None
        try:
            error = await source.run()
        except Exception as fault:
            self._relay.logs.logger.error("shared_stream.failed", route=source.route, exc_info=fault)
            error = InternalError(type(fault).__name__)
        finally:
            if self._streams.get(key) is stream:
                self._forget(key)
            stream.closed(error)
            source.note_end(error)

    def _forget(self, key: StreamKey) -> None:
        del self._streams[key]
        self._deserted.pop(key, None)
        task = self._tasks.pop(key)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _note_deserted(self, key: StreamKey) -> None:
        """Have no more streams linger than may be; quick clients would open ever more."""
        self._deserted[key] = None
        if len(self._deserted) > DESERTED_LIMIT:
            longest = next(iter(self._deserted))
            self._give_up(longest, self._streams[longest])

    def _give_up(self, key: StreamKey, stream: SharedStream) -> None:
        """Stop a stream that nobody wants; whoever comes now gets another one."""
        if self._streams.get(key) is stream:
            task = self._tasks[key]
            self._forget(key)
            stream.closed(None)  # a task that has not begun would not say it
            task.cancel()

    async def aclose(self) -> None:
        """Stop all of them and wait until they have let go of their upstreams."""
        for key, stream in tuple(self._streams.items()):
            self._give_up(key, stream)
        if self._ending:
            await asyncio.wait(self._ending)
