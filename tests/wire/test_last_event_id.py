"""Where a stream goes on: the header counts for more than the parameter, and neither may come twice."""

from __future__ import annotations

import pytest

from tentaculo.errors import BadRequest
from tentaculo.wire.last_event_id import find_last_event_id

FOUND: dict[str, tuple[list[str], str | None, tuple[bytes, str | None, bool]]] = {
    "nothing": ([], None, (b"", None, False)),
    "other parameters": ([], "a=1&b", (b"", "a=1&b", False)),
    "header": (["7"], "a=1", (b"7", "a=1", False)),
    "empty header": ([""], None, (b"", None, False)),
    "parameter": ([], "a=1&last_event_id=7&b=2", (b"7", "a=1&b=2", True)),
    "only the parameter": ([], "last_event_id=7", (b"7", None, True)),
    "escaped": ([], "%6cast_event_id=%C3%A9+1", ("é 1".encode(), None, True)),
    "empty parameter": ([], "last_event_id=&a", (b"", "a", False)),
    "both": (["8"], "last_event_id=7&a", (b"8", "a", False)),
    "raw bytes in the header": (["\udcff"], None, (b"\xff", None, False)),
    "another name": ([], "Last_Event_Id=7", (b"", "Last_Event_Id=7", False)),
}


@pytest.mark.parametrize(("sent", "query", "found"), FOUND.values(), ids=FOUND)
def test_found(sent: list[str], query: str | None, found: tuple[bytes, str | None, bool]) -> None:
    """The parameter never goes on in the query, and is a header where there is none."""
    assert find_last_event_id(sent, query) == found


REFUSED: dict[str, tuple[list[str], str | None]] = {
    "two headers": (["7", "7"], None),
    "two parameters": ([], "last_event_id=7&last_event_id=7"),
    "line end": ([], "last_event_id=7%0d%0aX:%201"),
    "NUL": ([], "last_event_id=%00"),
    "DEL beside a header": (["7"], "last_event_id=%7f"),
}


@pytest.mark.parametrize(("sent", "query"), REFUSED.values(), ids=REFUSED)
def test_refused(sent: list[str], query: str | None) -> None:
    """What could be read in two ways, or break the head, is no request."""
    with pytest.raises(BadRequest):
        find_last_event_id(sent, query)
