"""Leaves that name machines."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network

import pytest
from pydantic_core import PydanticCustomError

from tentaculo.config.addresses import read_address, read_host, read_network, read_origin, read_server
from tentaculo.config.settings import Address, Server

GOOD: list[tuple[Callable[[object], object], str, object]] = [
    (read_address, "0.0.0.0:8000", Address("0.0.0.0", 8000)),
    (read_address, "127.0.0.1:0", Address("127.0.0.1", 0)),
    (read_address, "[::1]:9100", Address("::1", 9100)),
    (read_address, "localhost:65535", Address("localhost", 65_535)),
    (read_network, "10.0.0.0/8", ip_network("10.0.0.0/8")),
    (read_network, "10.1.2.3", ip_network("10.1.2.3/32")),
    (read_network, "fd00::/8", ip_network("fd00::/8")),
    (read_network, "::1", ip_network("::1/128")),
    (read_server, "http://backend", Server("http", "backend", 80)),
    (read_server, "https://backend", Server("https", "backend", 443)),
    (read_server, "http://operator_backend:8011", Server("http", "operator_backend", 8011)),
    (read_server, "HTTPS://Reports-2.Example.org:8443", Server("https", "reports-2.example.org", 8443)),
    (read_server, "http://[::1]:9000", Server("http", "::1", 9000)),
    (read_server, "http://127.0.0.1:9000", Server("http", "127.0.0.1", 9000)),
    (read_host, "Example.ORG", "example.org"),
    (read_host, "*.Example.org", "*.example.org"),
    (read_host, "127.0.0.1", "127.0.0.1"),
    (read_host, "[0::1]", "[::1]"),
    (read_origin, "https://app.example.org", "https://app.example.org"),
    (read_origin, "HTTPS://App.Example.ORG:443", "https://app.example.org"),
    (read_origin, "http://localhost:80", "http://localhost"),
    (read_origin, "http://localhost:443", "http://localhost:443"),
    (read_origin, "https://[0::1]:8443", "https://[::1]:8443"),
    (read_origin, "capacitor://localhost", "capacitor://localhost"),
    (read_origin, "*", "*"),
]

NOTHING: tuple[object, ...] = (None, [])
BAD: list[tuple[Callable[[object], object], object, str]] = [
    *(
        (read, value, "must be ")
        for read in (read_address, read_network, read_server, read_host, read_origin)
        for value in NOTHING
    ),
    (read_address, "8000", "address with a port"),
    (read_address, ":8000", "address with a port"),
    (read_address, "::1:8000", "address with a port"),
    (read_address, "127.0.0.1:", "address with a port"),
    (read_address, "127.0.0.1:http", "address with a port"),
    (read_address, "127.0.0.1:65536", "between 0 and 65535"),
    (read_address, "300.0.0.1:80", "IP address or a host name"),
    (read_address, "[::g]:80", "address with a port"),
    (read_address, "[1.2]:80", "IP address or a host name"),
    (read_address, "a b:80", "IP address or a host name"),
    (read_address, "a..b:80", "IP address or a host name"),
    (read_network, "10.0.0.0/33", "must be a network"),
    (read_network, "10.0.0", "must be a network"),
    (read_network, "private", "must be a network"),
    (read_network, "10.0.0.1/8", "bits set"),
    (read_network, "fd00::1/8", "bits set"),
    (read_server, "backend:8080", "http:// or https://"),
    (read_server, "ftp://backend", "http:// or https://"),
    (read_server, "http:/backend", "http:// or https://"),
    (read_server, "http://", "valid host and port"),
    (read_server, "http://:80", "valid host and port"),
    (read_server, "http://backend:0", "valid host and port"),
    (read_server, "http://backend:65536", "valid host and port"),
    (read_server, "http://backend:", "valid host and port"),
    (read_server, "http://300.1.1.1", "valid host and port"),
    (read_server, "http://a b", "valid host and port"),
    (read_server, "http://backend\n", "valid host and port"),
    (read_server, "http://user:secret@backend", "user name or password"),
    (read_server, "http://backend/", "without path"),
    (read_server, "http://backend/api", "without path"),
    (read_server, "http://backend?x", "without path"),
    (read_server, "http://backend#x", "without path"),
    (read_host, "example.org:80", "without a port"),
    (read_host, "http://example.org", "host name"),
    (read_host, "a b", "host name"),
    (read_host, "*", "host name"),
    (read_host, "a.*.org", "host name"),
    (read_host, "::1", "host name"),
    (read_origin, "null", "null is none"),
    (read_origin, "app.example.org", "must be an origin"),
    (read_origin, "//app.example.org", "must be an origin"),
    (read_origin, "https://", "must be an origin"),
    (read_origin, "https://app.example.org/", "without path"),
    (read_origin, "https://app.example.org?x", "without path"),
    (read_origin, "https://app.example.org#x", "without path"),
    (read_origin, "https://user:secret@app.example.org", "must be an origin"),
    (read_origin, "https://app.example.org:", "must be an origin"),
    (read_origin, "https://*.example.org", "must be an origin"),
    (read_origin, "https://300.1.1.1", "must be an origin"),
    (read_origin, "**", "must be an origin"),
]


@pytest.mark.parametrize(("read", "text", "value"), GOOD)
def test_address_is_read(read: Callable[[object], object], text: str, value: object) -> None:
    """An address becomes its parts, hosts in lower case, default ports filled in."""
    assert read(text) == value


@pytest.mark.parametrize(("read", "value", "said"), BAD)
def test_bad_address_is_one_sentence(read: Callable[[object], object], value: object, said: str) -> None:
    """A bad address is told without quoting it: it may hold a password."""
    with pytest.raises(PydanticCustomError) as caught:
        read(value)
    message = caught.value.message()
    assert said in message
    assert "secret" not in message
