"""The Host syntax: which authorities are taken, and the one spelling of each host.

Decides on text alone; it never resolves a name and never touches a socket.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address

from tentaculo.errors import BadRequest

_LABEL = "[A-Za-z0-9_~-]++"
_AUTHORITY = re.compile(rf"(?:({_LABEL}(?:\.{_LABEL})*)\.?+|\[([0-9A-Fa-f:.]+)\])(?::([0-9]{{1,5}}))?")
_LONGEST_NAME = 255  # RFC 1035 section 2.3.4
_LARGEST_PORT = 65_535


@lru_cache(maxsize=1024)
def check_host(value: str) -> str:
    """Return the host of a Host field in lower case, without port and trailing dot.

    An IPv6 address keeps its brackets and gets its shortest spelling.  Raises BadRequest where the
    value is not a name, an IPv4 address or a bracketed IPv6 address with an optional port (RFC 9110
    section 7.2); percent-encoded names and an empty port are refused although RFC 3986 has them.
    """
    return split_authority(value)[0]


def split_authority(value: str, default_port: int | None = None) -> tuple[str, int | None]:
    """Return host and port of an authority without userinfo; raises BadRequest as `check_host` does."""
    match = _AUTHORITY.fullmatch(value)
    if match is None:
        raise BadRequest("the host is not a name or an address with an optional port")
    name, address, digits = match.groups()
    host = _spell_address(address) if name is None else _spell_name(name)
    return host, default_port if digits is None else _read_port(digits)


def _spell_name(name: str) -> str:
    if len(name) > _LONGEST_NAME:
        raise BadRequest("the host's name is too long")
    return name.lower()


def _spell_address(address: str) -> str:
    try:
        return f"[{IPv6Address(address).compressed}]"
    except ValueError:
        raise BadRequest("the host's IPv6 address is broken") from None


def _read_port(digits: str) -> int:
    port = int(digits)
    if not 1 <= port <= _LARGEST_PORT:
        raise BadRequest("the host's port is not within 1 and 65535")
    return port
