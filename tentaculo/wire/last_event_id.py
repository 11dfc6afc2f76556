"""Where a client's event stream is to go on: by the header, or by a parameter for those who can't send it.

A new EventSource can't send the header; a browser that comes back sends it along with the old URL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tentaculo.errors import BadRequest
from tentaculo.wire.query import take_parameter

HEADER = "Last-Event-ID"
PARAMETER = "last_event_id"
_CONTROLS = bytes({*range(0x20), 0x7F})


class LastEventId(NamedTuple):
    """The id (empty for none), the query without the parameter, and whether the header must be added."""

    id: bytes
    query: str | None
    is_new: bool


def find_last_event_id(sent: Sequence[str], query: str | None) -> LastEventId:
    """Return where to go on; `sent` are the header's values, which count for more than the parameter.

    Raises BadRequest for two of either, or one that no header can hold.
    """
    given: tuple[bytes, ...] = ()
    if query is not None:
        query, given = take_parameter(query, PARAMETER)
    if len(sent) > 1 or len(given) > 1 or any(value.translate(None, _CONTROLS) != value for value in given):
        raise BadRequest("last_event_id")
    if sent:
        return LastEventId(sent[0].encode("utf-8", "surrogateescape"), query, is_new=False)
    found = given[0] if given else b""
    return LastEventId(found, query, is_new=bool(found))
