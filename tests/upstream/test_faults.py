"""The table of faults."""

from __future__ import annotations

import errno
import socket
import ssl

import httptools
import pytest

from tentaculo.errors import (
    GatewayError,
    Overloaded,
    UpstreamProtocolError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from tentaculo.upstream.faults import translate

SECRET = "token=S3cr3t-text"
TABLE = {
    "timeout": (TimeoutError(SECRET), UpstreamTimeout, "connect_timeout"),
    "certificate": (ssl.SSLCertVerificationError(1, SECRET), UpstreamUnreachable, "certificate"),
    "TLS": (ssl.SSLError(1, SECRET), UpstreamUnreachable, "tls"),
    "TLS ended early": (ssl.SSLEOFError(8, SECRET), UpstreamUnreachable, "tls"),
    "refused": (ConnectionRefusedError(errno.ECONNREFUSED, SECRET), UpstreamUnreachable, "refused"),
    "reset": (ConnectionResetError(errno.ECONNRESET, SECRET), UpstreamUnreachable, "reset"),
    "broken pipe": (BrokenPipeError(errno.EPIPE, SECRET), UpstreamUnreachable, "unreachable"),
    "no route": (OSError(errno.EHOSTUNREACH, SECRET), UpstreamUnreachable, "unreachable"),
    "no such name": (socket.gaierror(-2, SECRET), UpstreamUnreachable, "unresolved"),
    "no descriptors": (OSError(errno.EMFILE, SECRET), Overloaded, "resources"),
    "upgrade": (httptools.HttpParserUpgrade(10), UpstreamProtocolError, "upgrade"),
    "parser": (httptools.HttpParserError(SECRET), UpstreamProtocolError, "parse"),
    "status": (httptools.HttpParserInvalidStatusError(SECRET), UpstreamProtocolError, "parse"),
    "unknown": (RuntimeError(SECRET), UpstreamUnreachable, "unreachable"),
}


@pytest.mark.parametrize(("fault", "kind", "reason"), TABLE.values(), ids=TABLE)
def test_fault_becomes_an_error_with_a_fixed_reason(
    fault: Exception, kind: type[GatewayError], reason: str
) -> None:
    """Each fault has one error and one word; nothing of the fault's own text is carried over."""
    error = translate(fault)
    assert (type(error), error.reason) == (kind, reason)
    assert SECRET not in f"{error} {error!r}"
