"""What the gateway itself says on an event stream: that it beats, why it ends, that it can't begin yet.

Added only between events, where a client is waiting for the next one (WHATWG HTML, section 9.2).
"""

from __future__ import annotations

RETRY_SECONDS = 3.0

BEAT = b": heartbeat\n\n"
# What was missed can't be given any more: whoever shows a state has to fetch it anew.
RESYNC = b'event: resync\ndata: {"reason": "events_lost"}\n\n'


def retry_line(seconds: float) -> bytes:
    """Return the field that tells clients when to come again; it goes on with an event, or an empty line."""
    return b"retry: %d\n" % round(seconds * 1000)


def last_event(reason: str, retry: float) -> bytes:
    """Return the event that names why a stream ends; its client is to come again after `retry` seconds."""
    return b'%bevent: %b\ndata: {"reason": "%b"}\n\n' % (retry_line(retry), reason.encode(), reason.encode())


# `retry` makes EventSource come again; the comment is for people who look.
NOT_YET = retry_line(RETRY_SECONDS) + b": the stream is not available yet\n\n"
