"""The servers that one exchange is given to, one after another, and what each is told of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tentaculo.upstream.breaker import Outcome

if TYPE_CHECKING:
    from tentaculo.errors import GatewayError
    from tentaculo.upstream.connection import UpstreamConnection
    from tentaculo.upstream.server import UpstreamServer
    from tentaculo.upstream.upstream import Upstream


class Attempts:
    """`server` has the exchange in hand, None between two of them; `sent` is whether it was sent anything.

    `tried` are servers that are not to be asked.
    """

    __slots__ = ("_tried", "_turn", "sent", "server")

    def __init__(self, tried: Iterable[UpstreamServer] = ()) -> None:
        self._tried = list(tried)
        self._turn = 0
        self.sent = False
        self.server: UpstreamServer | None = None

    def take(self, upstream: Upstream, client: str) -> UpstreamServer:
        """Return the server that has the exchange, another one if it had none.

        Raises UpstreamUnavailable or UpstreamBusy.
        """
        server = self.server
        if server is None:
            server = self.server = upstream.choose(client, self._tried)
            self._turn = server.begin()
        return server

    async def connect(self, upstream: Upstream, timeout: float) -> UpstreamConnection:
        """Open a connection to the server that has the exchange, which may be waited for if no other is left.

        Raises UpstreamBusy, UpstreamUnreachable or UpstreamTimeout.
        """
        assert self.server is not None
        return await upstream.connect_in_time(self.server, timeout, self._tried)

    def answered(self) -> None:
        """Tell the server that it is well, though the exchange may go on for hours."""
        if self.server is not None:
            self.server.answered(self._turn)

    def end(self, error: GatewayError | None, *, neutral: bool = False) -> None:
        """Take the exchange from its server, once; `neutral` says that the end tells nothing of it."""
        server, self.server = self.server, None
        if server is None:
            return
        if neutral:
            server.done(Outcome.NEUTRAL, self._turn)
        elif error is None:
            server.done(Outcome.OK, self._turn)
        else:
            server.failed(error, self._turn)

    def give_up(self, upstream: Upstream, error: GatewayError) -> bool:
        """Take it from a server that failed, if another one may be asked; return whether."""
        if self.server is None:
            return False
        tried = [*self._tried, self.server]
        if not upstream.may_retry(tried):
            return False
        self.end(error)
        self._tried = tried
        self.sent = False
        return True
