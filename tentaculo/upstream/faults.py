"""The one table from faults of sockets, TLS and the parser to the errors of the gateway."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl

import httptools

from tentaculo.errors import (
    GatewayError,
    Overloaded,
    UpstreamProtocolError,
    UpstreamTimeout,
    UpstreamUnreachable,
)

_SOON = (("Retry-After", "1"),)
_TABLE: tuple[tuple[type[BaseException], type[GatewayError], str], ...] = (
    (TimeoutError, UpstreamTimeout, "connect_timeout"),
    (asyncio.TimeoutError, UpstreamTimeout, "connect_timeout"),
    (ssl.SSLCertVerificationError, UpstreamUnreachable, "certificate"),
    (ssl.SSLError, UpstreamUnreachable, "tls"),
    (socket.gaierror, UpstreamUnreachable, "unresolved"),
    (ConnectionRefusedError, UpstreamUnreachable, "refused"),
    (ConnectionResetError, UpstreamUnreachable, "reset"),
    (httptools.HttpParserUpgrade, UpstreamProtocolError, "upgrade"),
    (httptools.HttpParserError, UpstreamProtocolError, "parse"),
    (OSError, UpstreamUnreachable, "unreachable"),
)

# What the gateway itself lacks; no server is to blame.
_OWN_LACKS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN}
)


def translate(fault: BaseException) -> GatewayError:
    """Return the gateway's error for a fault; its reason is a fixed word, never the fault's text."""
    if isinstance(fault, OSError) and fault.errno in _OWN_LACKS:
        return Overloaded("resources", headers=_SOON)
    for kind, error, reason in _TABLE:
        if isinstance(fault, kind):
            return error(reason)
    return UpstreamUnreachable("unreachable")
