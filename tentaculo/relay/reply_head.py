"""The head of a reply as a client gets it: what the upstream's is held to, and what is added to it."""

from __future__ import annotations

from collections.abc import Set

from tentaculo.errors import NotAnEventStream, UpstreamRedirect
from tentaculo.relay.plan import RoutePlan
from tentaculo.upstream.reply import ReplyHead
from tentaculo.wire.headers import Meaning

EVENT_STREAM = b"text/event-stream"  # 17 characters
NO_CONTENT = 204


def is_event_stream(content_type: bytes) -> bool:
    """Whether a Content-Type names an event stream, whatever its parameters."""
    return content_type[:17].lower() == EVENT_STREAM and content_type[17:].lstrip(b" \t")[:1] in (b"", b";")


def is_encoded(head: ReplyHead) -> bool:
    """Whether the body is compressed or the like, so that nothing can be read in it or added to it."""
    return any(name.lower() == b"content-encoding" for name in head.names)


def check_stream_reply(head: ReplyHead, method: str, *, streaming: bool) -> None:
    """Hold an upstream to the rules of a route that carries streams only.

    It yields an event stream, a 204 or an error; anything else would make the stream's exemption
    good for ordinary calls.  Raises UpstreamRedirect or NotAnEventStream.
    """
    status = head.status
    if 300 <= status < 400 and status != 304:
        raise UpstreamRedirect(str(status))
    if streaming or status == NO_CONTENT or status >= 400:
        return
    if method == "OPTIONS" and status == 200 and head.length == 0:
        return
    raise NotAnEventStream(str(status))


def added_lines(
    plan: RoutePlan, seen: Set[Meaning], *, streaming: bool, request_id: str, extra: bytes
) -> bytes:
    """Return the lines that the gateway adds, where the upstream has not `seen` to them itself."""
    added = plan.response_lines + extra
    declared = plan.settings.stream is not None
    if Meaning.REQUEST_ID not in seen:
        added += b"X-Request-Id: %b\r\n" % request_id.encode()
    if not (streaming or seen or declared):
        return added + plan.silent_lines
    if streaming and Meaning.ACCEL_BUFFERING not in seen:
        added += b"X-Accel-Buffering: no\r\n"
    if declared and Meaning.REFERRER_POLICY not in seen:
        added += b"Referrer-Policy: no-referrer\r\n"
    if Meaning.CACHE_CONTROL not in seen:
        added += b"Cache-Control: no-store\r\n" if streaming else plan.private_line
    return added if Meaning.VARY in seen else added + plan.vary_line


def without_length(lines: list[bytes]) -> list[bytes]:
    """Drop `Content-Length` from lines of fields: 1xx and 204 must not have it (RFC 9110 section 8.6)."""
    return [line for line in lines if not line.lower().startswith(b"content-length:")]
