"""One parameter taken out of a query, the rest left byte for byte.

A name counts however it is escaped, since the backend and the log would read it so; it is decoded
once, so `%2574oken` is another name.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes


def take_parameter(query: str, name: str) -> tuple[str | None, tuple[bytes, ...]]:
    """Return the query without the parameter, None if nothing is left, and the parameter's decoded values.

    A parameter without "=" has the empty value.
    """
    kept: list[str] = []
    values: list[bytes] = []
    for pair in query.split("&"):
        key, _, value = pair.partition("=")
        if (key == name) if "%" not in key and "+" not in key else _decoded(key) == name.encode():
            values.append(_decoded(value))
        else:
            kept.append(pair)
    if not values:
        return query, ()
    return ("&".join(kept) if kept else None), tuple(values)


def _decoded(text: str) -> bytes:
    return unquote_to_bytes(text.replace("+", " "))
