"""One upstream stream fed to many clients: joined, left, caught up with; no client ever delays another.

Where the events come from is `shared_source`'s; who may join was decided before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tentaculo.config.settings import StreamSettings
from tentaculo.errors import GatewayError
from tentaculo.relay.delivery import chunk
from tentaculo.relay.event_log import EventLog
from tentaculo.relay.last_words import BEAT, RESYNC, retry_line
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.subscription import SharedHead, Subscription
from tentaculo.upstream.deadlines import NEVER, Deadlines
from tentaculo.wire.event_blocks import Block, with_id

if TYPE_CHECKING:
    from tentaculo.relay.relay import Relay

GRACE_SECONDS = 5.0


class SharedStream:
    """The clients of one upstream stream; `log` numbers what went to them.

    `on_deserted` is called when its last client has left, `on_idle` when nobody came for a while after that.
    """

    __slots__ = (
        "_clients",
        "_deadlines",
        "_denial",
        "_fresh",
        "_given",
        "_head",
        "_is_closed",
        "_lagging",
        "_linger_until",
        "_live",
        "_new_epoch",
        "_on_deserted",
        "_on_idle",
        "_plan",
        "_retry",
        "_settings",
        "_spoken_at",
        "_waiting",
        "deadline",
        "log",
    )

    def __init__(
        self,
        relay: Relay,
        plan: RoutePlan,
        *,
        on_deserted: Callable[[], None],
        on_idle: Callable[[], None],
        new_epoch: Callable[[], str],
    ) -> None:
        stream = plan.settings.stream
        self._deadlines: Deadlines = relay.deadlines
        self._plan = plan
        self._settings = stream if stream is not None else StreamSettings(shared=True)
        self._on_deserted = on_deserted
        self._on_idle = on_idle
        self._new_epoch = new_epoch
        self._given = b""  # what the ids of this epoch begin with
        self._retry = self._settings.retry
        self._head: SharedHead | None = None
        self._denial: SharedHead | None = None
        self._clients: set[Subscription] = set()
        self._waiting: dict[Subscription, None] = {}
        self._fresh: dict[Subscription, None] = {}
        self._live: dict[Subscription, None] = {}
        self._lagging: dict[Subscription, None] = {}
        self._is_closed = False
        self._spoken_at = self._deadlines.clock()
        self._linger_until = NEVER
        self.deadline = NEVER
        self.log = EventLog(self._settings.replay)

    @property
    def clients(self) -> int:
        """How many clients it has."""
        return len(self._clients)

    @property
    def is_open(self) -> bool:
        """Whether its upstream has answered with a stream, if ever."""
        return self._head is not None

    # Clients.

    def join(self, client: Subscription) -> None:
        """Take in a client; it is answered once the upstream has answered."""
        self._clients.add(client)
        client.attach(self)
        self._linger_until = NEVER
        self._plan.metrics.streams.shared_client_joined()
        if self._denial is not None:
            client.open(self._denial)  # it came just before the stream is over
        elif self._head is None:
            self._waiting[client] = None
        else:
            self._admit(client, self._head)
        self._set_deadline()

    def leave(self, client: Subscription) -> None:
        """Forget a client; the last one's leaving is the beginning of the end."""
        if client not in self._clients:
            return
        self._clients.discard(client)
        for some in (self._live, self._lagging, self._waiting, self._fresh):
            some.pop(client, None)
        self._plan.metrics.streams.shared_client_left()
        if not self._clients:
            self._linger()

    def _linger(self) -> None:
        if self._is_closed:
            return
        if self._head is None:
            self._on_idle()  # nobody waits for the upstream's answer any more
            return
        replay = self._settings.replay
        seconds = GRACE_SECONDS if replay is None else max(GRACE_SECONDS, replay.age)
        self._linger_until = self._deadlines.clock() + seconds
        self._set_deadline()
        self._on_deserted()

    def _admit(self, client: Subscription, head: SharedHead) -> None:
        if not client.open(head):
            return
        if self._retry is not None:
            client.say(retry_line(self._retry) + b"\n")
        start = self._start_of(client)
        missed = self.log.count_events(start, self.log.end)
        if missed:
            self._plan.metrics.streams.events_replayed(missed)
            client.first_event()
        else:
            self._fresh[client] = None
        client.cursor = start
        self.goes_on(client)

    def _start_of(self, client: Subscription) -> int:
        if not client.last_event_id:
            return self.log.end
        start = self.log.find(client.last_event_id, self._deadlines.clock())
        if start is not None:
            return start
        client.say(RESYNC)
        self._plan.metrics.streams.resync_sent()
        return self.log.end

    def lags(self, client: Subscription) -> None:
        """Note that a client takes no more for now."""
        self._live.pop(client, None)
        self._lagging[client] = None

    def goes_on(self, client: Subscription) -> None:
        """Have a client catch up, as far as it takes that."""
        if client.catch_up(self):
            self._lagging.pop(client, None)
            if self._is_closed:
                client.end()
                return
            self._live[client] = None
            client.go_live(self.log.size, self.log.events)
        else:
            self._lagging[client] = None

    # The source.

    def opened(self, head: SharedHead) -> None:
        """Take the upstream's first head: whoever waits is answered; or a later one, for those who come."""
        is_first, self._head = self._head is None, head
        if is_first:
            self._plan.metrics.streams.shared_stream_opened()
        if self._settings.assign_ids and not self._given:
            self._given = f"{self._new_epoch()}-".encode()
        waiting, self._waiting = self._waiting, {}
        for client in waiting:
            self._admit(client, head)

    def denied(self, head: SharedHead) -> None:
        """Pass on that there is no stream to be had."""
        self._denial = head
        for client in tuple(self._clients):
            client.open(head)

    def resumed_blindly(self) -> None:
        """Tell everyone that events were lost: the upstream was not asked from where to go on."""
        self.log.forget()
        self._given = f"{self._new_epoch()}-".encode() if self._settings.assign_ids else b""
        for _ in self._clients:
            self._plan.metrics.streams.resync_sent()
        self._send([Block(RESYNC, id=None, is_event=False, retry=None)])

    def received(self, blocks: Sequence[Block]) -> None:
        """Send whole events to everyone."""
        if self._given:
            blocks = [self._numbered(block, at) for at, block in enumerate(blocks, self.log.end + 1)]
        for block in blocks:
            if block.retry is not None:
                self._retry = block.retry / 1000
        events = self.log.events
        self._send(blocks)
        if self._fresh and self.log.events > events:
            fresh, self._fresh = self._fresh, {}
            for client in fresh:
                client.first_event()

    def _numbered(self, block: Block, number: int) -> Block:
        if not block.is_event and block.id is None:
            return block
        return with_id(block, b"%b%d" % (self._given, number))

    def _send(self, blocks: Sequence[Block]) -> None:
        now = self._spoken_at = self._deadlines.clock()
        self._end_slow_clients()
        self.log.append(blocks, now)
        data = blocks[0].data if len(blocks) == 1 else b"".join([block.data for block in blocks])
        frame = chunk(data)
        for client in tuple(self._live):
            client.write(frame, data)
        floor = min(client.cursor for client in self._lagging) if self._lagging else None
        self.log.trim(now, floor)

    def _end_slow_clients(self) -> None:
        """End those that had lagged too far before what comes now; one event may be as large as it is."""
        for client in tuple(self._lagging):
            if self.log.behind(client.cursor) > self._settings.slow_client:
                client.client_stalled()

    @property
    def last_id(self) -> bytes:
        """The id that the upstream is asked to go on after; none where the ids are the gateway's own."""
        return b"" if self._settings.assign_ids else self.log.last_id

    def closed(self, error: GatewayError | None) -> None:
        """End everyone: with a fault of the upstream's, or in good order, once they have had all of it."""
        if self._is_closed:
            return
        self._is_closed = True  # clients that have a task of their own leave after this
        for client in tuple(self._clients):
            if error is not None:
                client.detach()  # now: its exchange may end later, when there is another such stream
                client.finish(type(error)(error.reason, headers=error.headers))
            elif client not in self._lagging:
                client.end()
        if self._head is not None:
            self._plan.metrics.streams.shared_stream_closed()
        self._deadlines.forget(self)

    # Time.

    def expire(self) -> None:
        """Act on the deadline: the stream beats, or nobody came back."""
        now = self._deadlines.clock()
        if now >= self._linger_until:
            self._on_idle()
            return
        if now - self._spoken_at >= self._beats:
            self._spoken_at = now
            for client in tuple(self._live):
                client.beat(BEAT)
        self._set_deadline()

    @property
    def _beats(self) -> float:
        heartbeat = self._settings.heartbeat
        return NEVER if heartbeat is None or not self._clients else heartbeat

    def _set_deadline(self) -> None:
        self.deadline = min(self._linger_until, self._spoken_at + self._beats)
        self._deadlines.watch(self)
