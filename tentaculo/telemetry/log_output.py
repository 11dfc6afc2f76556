"""The log of one gateway with what is behind it: a writer to stdout or a file, or a sink of another's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from tentaculo.config.settings import LogSettings
from tentaculo.telemetry.log_file import LogFile
from tentaculo.telemetry.log_turns import NO_TURNS, Turns
from tentaculo.telemetry.log_writer import LogWriter
from tentaculo.telemetry.logs import Logs

STDOUT = 1


class LogOutput:
    """`logs` is what events go to; `sink`, where given, gets the lines.

    `turns` are those of all processes that write to the same place.  Raises OSError for a bad file.
    """

    def __init__(
        self,
        settings: LogSettings,
        *,
        secret_names: Iterable[str],
        on_dropped: Callable[[int], None],
        sink: Callable[[bytes], None] | None = None,
        turns: Turns = NO_TURNS,
    ) -> None:
        self._writer: LogWriter | None = None
        terminal = False
        if sink is None:
            file = settings.file
            self._writer = LogWriter(
                STDOUT if file is None else LogFile(file),
                notice=self._dropped_line,
                unopened=self._unopened_line,
                on_dropped=on_dropped,
                turns=turns,
            )
            sink, terminal = self._writer.write, file is None and os.isatty(STDOUT)
        self.logs = Logs(settings, sink, terminal=terminal, colors=terminal, secret_names=secret_names)

    def reopen(self) -> None:
        """Go on with a new file of the same name, for whoever has moved the old one away."""
        if self._writer is not None:
            self._writer.reopen()

    def close(self, seconds: float) -> None:
        """Write what is left, for so long at most."""
        self.logs.detach()
        if self._writer is not None:
            self._writer.close(seconds)

    def _dropped_line(self, count: int) -> bytes:
        return self.logs.render("warning", "log.dropped", dropped=count)

    def _unopened_line(self, reason: str) -> bytes:
        return self.logs.render("error", "log.reopen_failed", reason=reason)
