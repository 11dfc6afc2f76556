"""A server's circuit breaker: after faults in a row it gets no calls for a time, then one on trial.

Pure but for the clock and for chance.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from tentaculo.config.upstream_settings import BreakerSettings

LONGEST_SECONDS = 300.0
JITTER = 0.2  # of the pause, added: instances do not try all at once


class Outcome(enum.Enum):
    """What an exchange said of its server; `AWAY` is a fault that cost nothing but the try.

    A server is `AWAY` that refused the connection, or whose name is not known.  `NEUTRAL` says nothing:
    its client left, say.
    """

    OK = "ok"
    FAULT = "fault"
    AWAY = "away"
    NEUTRAL = "neutral"


class Breaker:
    """Counts faults in a row, and opens at `settings.faults` of them.

    Open, it admits nobody for `open_for` seconds and up to a fifth more.  Then one exchange is tried:
    success closes it, a fault opens it for twice as long, up to LONGEST_SECONDS.  A trial that tells
    nothing in a whole pause is joined by another.  It opens for twice as long, too, when it was closed
    for less than its last pause.

    A breaker `alone`, of a server that no other stands in for, does not mind an `AWAY`, never doubles its
    pause, and ends it when a check was good: where nothing is gained by waiting, the way back is not to be
    missed.

    Each exchange hands back the `turn` that it began in.  What began in another turn, before the breaker
    opened or closed, is no news and counts for nothing.  `changed` is called when it opens (True) or closes.
    """

    __slots__ = (
        "_changed",
        "_clock",
        "_closed_at",
        "_is_open",
        "_is_trying",
        "_pause",
        "_random",
        "_until",
        "alone",
        "faults",
        "settings",
        "turn",
    )

    def __init__(
        self,
        settings: BreakerSettings,
        clock: Callable[[], float],
        random: Callable[[], float],
        changed: Callable[[bool], None],
    ) -> None:
        self.settings = settings
        self.alone = False
        self.faults = 0
        self.turn = 0
        self._clock = clock
        self._random = random
        self._changed = changed
        self._is_open = False
        self._is_trying = False
        self._until = 0.0
        self._pause = 0.0  # the last one, without jitter
        self._closed_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether exchanges are held back, but for a trial."""
        return self._is_open

    @property
    def is_calm(self) -> bool:
        """Whether a success would be no news."""
        return not self._is_open and not self.faults

    @property
    def is_half_open(self) -> bool:
        """Whether a trial is due or under way."""
        return self._is_open and (self._is_trying or self.admits())

    def admits(self) -> bool:
        """Whether an exchange may begin now."""
        return not self._is_open or self._clock() >= self._until

    def wait(self) -> float:
        """Return the seconds until an exchange may begin."""
        return max(0.0, self._until - self._clock()) if self._is_open else 0.0

    def begin(self) -> int:
        """Begin an exchange that was admitted; return its turn.  On an open breaker it is the trial."""
        if self._is_open:
            if not self._is_trying:
                self._is_trying = True
                self.turn += 1
            self._hold()
        return self.turn

    def done(self, outcome: Outcome, turn: int) -> None:
        """Take in what an exchange said of the server."""
        if turn != self.turn:
            return
        if outcome is Outcome.OK:
            self._succeed()
        elif outcome is Outcome.NEUTRAL or (outcome is Outcome.AWAY and self.alone):
            self._learn_nothing()
        else:
            self._fail()

    def check_passed(self) -> None:
        """Let the trial of a lone server be now."""
        if self.alone and self._is_open and not self._is_trying:
            self._until = self._clock()

    def _learn_nothing(self) -> None:
        if self._is_open:  # so ended a trial: the next one tries
            self._is_trying = False
            self._until = self._clock()

    def _succeed(self) -> None:
        self.faults = 0
        if self._is_open:
            self._is_open = self._is_trying = False
            self._closed_at = self._clock()
            self.turn += 1
            self._changed(False)

    def _fail(self) -> None:
        self.faults += 1
        if self._is_open or self.faults >= self.settings.faults:
            self._open()

    def _open(self) -> None:
        opens = not self._is_open
        flaps = self._clock() - self._closed_at < self._pause
        self._lengthen(doubled=not self.alone and (not opens or flaps))
        self._is_open, self._is_trying = True, False
        self.turn += 1
        self._hold()
        if opens:
            self._changed(True)

    def _lengthen(self, *, doubled: bool) -> None:
        first = self.settings.open_for
        self._pause = min(self._pause * 2, max(first, LONGEST_SECONDS)) if doubled else first

    def _hold(self) -> None:
        self._until = self._clock() + self._pause * (1 + JITTER * self._random())
