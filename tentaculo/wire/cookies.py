"""The gateway's own cookies: taken out of a request's `Cookie`, and written for a reply (RFC 6265)."""

from __future__ import annotations

from collections.abc import Container, Iterable


def take_cookies(
    fields: Iterable[bytes], own: Container[bytes]
) -> tuple[list[bytes], list[tuple[bytes, bytes]]]:
    """Return `Cookie` values without the cookies named in `own`, and these as (name, value).

    A field that loses none is returned as it came; one that has nothing else is left out.
    """
    kept: list[bytes] = []
    taken: list[tuple[bytes, bytes]] = []
    for field in fields:
        pairs = field.split(b";")
        rest = [pair for pair in pairs if _name(pair) not in own]
        if len(rest) == len(pairs):
            kept.append(field)
            continue
        taken += [(_name(pair), _value(pair)) for pair in pairs if _name(pair) in own]
        if any(pair.strip() for pair in rest):
            kept.append(b";".join(rest).strip())
    return kept, taken


def set_cookie(
    name: str, value: str, *, path: str, max_age: int, secure: bool, same_site: str
) -> tuple[str, str]:
    """Return a `Set-Cookie` field that no script can read; `same_site` is strict or none.

    With none it belongs to the site of the page too, or browsers would drop it as a third party's.
    """
    parts = [f"{name}={value}", f"Path={path}", f"Max-Age={max_age}", "HttpOnly"]
    parts.append(f"SameSite={same_site.capitalize()}")
    if secure:
        parts.append("Secure")
    if same_site == "none":
        parts.append("Partitioned")
    return "Set-Cookie", "; ".join(parts)


def _name(pair: bytes) -> bytes:
    return pair.partition(b"=")[0].strip()


def _value(pair: bytes) -> bytes:
    return pair.partition(b"=")[2].strip().strip(b'"')
