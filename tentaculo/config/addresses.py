"""The leaves of the file that name machines: listening addresses, networks, servers, hosts, origins."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from tentaculo.config.scalars import or_reference, read_text, sentence
from tentaculo.config.settings import Address, Network, Server
from tentaculo.errors import BadRequest
from tentaculo.wire.authority import split_authority

_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:]+)):(?P<port>[0-9]{1,5})").fullmatch
_URL = re.compile(r"(https?)://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL).fullmatch
_HOST_NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?").fullmatch
_ALL_DIGITS = re.compile(r"(?:.*\.)?[0-9]+").fullmatch
_PORTS = {"http": 80, "https": 443}
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#@]+)", re.IGNORECASE | re.ASCII).fullmatch
_NO_ORIGIN = "must be an origin such as https://app.example.org, without path; null is none"
EVERY_ORIGIN = "*"
_LARGEST_PORT = 65_535
_NO_SERVER = "must be a URL such as http://backend:8080, with a valid host and port"


def read_address(value: object) -> Address:
    """Return a listening address; port 0 lets the system choose."""
    match = _ADDRESS(value) if isinstance(value, str) else None
    if match is None:
        raise sentence("must be an address with a port, such as 0.0.0.0:8000 or [::1]:8000")
    host, port = match["v6"] or match["name"], int(match["port"])
    if not is_host(host):
        raise sentence("must begin with an IP address or a host name")
    if port > _LARGEST_PORT:
        raise sentence("must end in a port between 0 and 65535")
    return Address(host, port)


def read_network(value: object) -> Network:
    """Return a network in CIDR notation; a single address is a network of one."""
    text = read_text(value)
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise sentence("must be a network such as 10.0.0.0/8 or fd00::/8, or one IP address") from None
    if str(network.network_address) != str(ip_address(text.partition("/")[0])):
        raise sentence("has bits set behind its prefix length, so it is not the start of a network")
    return network


def read_server(value: object) -> Server:
    """Return a server from its URL, which holds no more than scheme, host and port."""
    match = _URL(read_text(value))
    if match is None:
        raise sentence("must begin with http:// or https://")
    scheme, authority, rest = match[1].lower(), match[2], match[3]
    if "@" in authority:
        raise sentence("must not hold a user name or password; give the upstream a credential instead")
    if rest:
        raise sentence("must end after host and port, without path, query or fragment; see rewrite for paths")
    try:
        host, port = split_authority(authority, _PORTS[scheme])
    except BadRequest:
        raise sentence(_NO_SERVER) from None
    host = host.strip("[]")
    if not is_host(host):
        raise sentence(_NO_SERVER)
    return Server(scheme, host, port or _PORTS[scheme])


def read_host(value: object) -> str:
    """Return the host of a route as requests are matched with it: lower case, without a port."""
    text = read_text(value)
    wildcard = text.startswith("*.")
    try:
        host, port = split_authority(text.removeprefix("*."))
    except BadRequest:
        raise sentence("must be a host name, *. and a domain, or an IP address (IPv6 in brackets)") from None
    if port is not None:
        raise sentence("must be a host without a port")
    return f"*.{host}" if wildcard else host


def read_origin(value: object) -> str:
    """Return an origin as browsers send it: lower case, without its scheme's default port; or `*`."""
    if value == EVERY_ORIGIN:
        return EVERY_ORIGIN
    match = _ORIGIN(value) if isinstance(value, str) else None
    if match is None:
        raise sentence(_NO_ORIGIN)
    scheme = match[1].lower()
    try:
        host, port = split_authority(match[2])
    except BadRequest:
        raise sentence(_NO_ORIGIN) from None
    if not is_host(host.strip("[]")):
        raise sentence(_NO_ORIGIN)
    return f"{scheme}://{host}" if port in (None, _PORTS.get(scheme)) else f"{scheme}://{host}:{port}"


def is_host(text: str) -> bool:
    """Whether a text is an IP address, or a name that is not one misspelt."""
    try:
        ip_address(text)
    except ValueError:
        return _HOST_NAME(text) is not None and _ALL_DIGITS(text) is None
    return True


ListenAddress = Annotated[
    Address,
    PlainValidator(read_address),
    or_reference(type="string", pattern=r"^(\[[0-9A-Fa-f:.]+\]|[^\[\]:]+):[0-9]{1,5}$"),
]
TrustedNetwork = Annotated[Network, PlainValidator(read_network), WithJsonSchema({"type": "string"})]
ServerUrl = Annotated[
    Server,
    PlainValidator(read_server),
    or_reference(type="string", pattern=r"^https?://[^/?#@]+$"),
]
HostName = Annotated[str, PlainValidator(read_host), WithJsonSchema({"type": "string", "minLength": 1})]
Origin = Annotated[
    str,
    PlainValidator(read_origin),
    or_reference(type="string", pattern=r"^(\*|[A-Za-z][A-Za-z0-9+.-]*://[^/?#@]+)$"),
]
