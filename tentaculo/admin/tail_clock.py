"""Reads an event's time and shows it in the reader's time zone, quickly for lines of the same minute."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any

from tentaculo.admin.tail_events import visible

_STAMP = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?", re.ASCII
).fullmatch


class TailClock:
    """Shows hours, minutes and seconds, and milliseconds where they are asked for."""

    def __init__(self, *, utc: bool, milliseconds: bool) -> None:
        self._zone = UTC if utc else None
        self._milliseconds = milliseconds
        self._blank = " " * (12 if milliseconds else 8)
        self._minute = ("", "", "")

    def today(self) -> str:
        """Return the day that it is now."""
        return datetime.fromtimestamp(time.time(), self._zone).date().isoformat()

    def read(self, stamp: Any) -> tuple[str, str]:
        """Return day and time of a timestamp; of what is none, no day and what it is."""
        match = _STAMP(stamp) if isinstance(stamp, str) else None
        minute = None if match is None else self._read_minute(f"{match[1]}{match[4] or 'Z'}")
        if match is None or minute is None:
            return "", visible(stamp)[:40].ljust(len(self._blank)) if isinstance(stamp, str) else self._blank
        _, day, text = minute
        shown = f"{text}:{match[2]}"
        return day, f"{shown}.{((match[3] or '') + '000')[:3]}" if self._milliseconds else shown

    def _read_minute(self, text: str) -> tuple[str, str, str] | None:
        if text == self._minute[0]:
            return self._minute
        try:
            moment = datetime.fromisoformat(text).astimezone(self._zone)
        except (ValueError, OverflowError):
            return None
        self._minute = (text, moment.date().isoformat(), moment.strftime("%H:%M"))
        return self._minute
