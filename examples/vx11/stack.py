"""The services behind the gateway, as one process runs them: where each listens, and who calls whom."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from examples.vx11.hermes import build_hermes
from examples.vx11.hermes import read_options as read_hermes_options
from examples.vx11.madre import build_madre
from examples.vx11.operator import build_operator, read_options
from examples.vx11.panel import build_panel
from examples.vx11.switch import build_switch
from examples.vx11.system import build_system
from examples.vx11.welcome import base_url
from tentaculo.config.addresses import read_address
from tentaculo.config.settings import Address

_PORTS = {"madre": 8001, "switch": 8002, "hermes": 8003}


def read_addresses(environ: Mapping[str, str]) -> dict[str, Address]:
    """Return the addresses of the services that no gateway leads to, in the order to start them.

    `MADRE_ADDRESS`, `SWITCH_ADDRESS` and `HERMES_ADDRESS` change them; raises ValueError with a sentence.
    """
    return {name: _address(environ, name, port) for name, port in _PORTS.items()}


def build_services(
    principal_token: str, addresses: Mapping[str, Address], environ: Mapping[str, str]
) -> dict[str, web.Application]:
    """Return every service's application, the bus in memory and the events in a file.

    Raises ValueError with a sentence for an option that can't be used.
    """
    urls = {name: base_url(address.host, address.port) for name, address in addresses.items()}
    operator = build_operator(
        principal_token, options=read_options(environ), system=build_system(urls["madre"], urls["hermes"])
    )
    return {
        "madre": build_madre().app(),
        "switch": build_switch(urls["madre"]).app(),
        "hermes": build_hermes(read_hermes_options(environ), urls["madre"]).app(),
        "operator": operator.app(),
        "frontend": build_panel(),
    }


def _address(environ: Mapping[str, str], name: str, port: int) -> Address:
    variable = f"{name.upper()}_ADDRESS"
    try:
        address = read_address(environ.get(variable) or f"127.0.0.1:{port}")
    except ValueError as error:
        raise ValueError(f"{variable} {error}.") from None
    if not address.port:
        raise ValueError(f"{variable} must name a port: others have to find it.")
    return address
