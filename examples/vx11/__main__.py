"""The whole stack in one process: madre on a bus in memory, switch, hermes, operator, panel, and the gateway.

`python -m examples.vx11 [FILE]` runs it on `config/tentaculo.yaml`, or on another file whose upstreams
`operator` and, if it has one, `frontend` it then is, until Ctrl-C; `scripts/run` starts it.
"""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

from examples.vx11.event_store import EventStoreError
from examples.vx11.panel import PANEL_PATH, is_built
from examples.vx11.principal import KnownToken, make_principal_token, read_principal_token
from examples.vx11.service import Service, stop_signals
from examples.vx11.stack import build_services, read_addresses
from examples.vx11.welcome import base_url, welcome
from tentaculo.config.loader import load
from tentaculo.config.problems import ConfigError
from tentaculo.config.settings import Address, Settings
from tentaculo.gateway import Gateway
from tentaculo.listening import StartError
from tentaculo.serving import prepare_process

CONFIG = Path(__file__).resolve().parents[2] / "config" / "tentaculo.yaml"


def main(environ: Mapping[str, str] = os.environ, argv: Sequence[str] = ()) -> int:
    """Serve until a signal comes; return the exit code."""
    file = _parser().parse_args(argv).file
    try:
        given = read_principal_token(environ)
    except OSError as error:
        return _fail(1, f"The file in VX11_TOKEN_FILE can't be read: {error.strerror}.")
    principal = given or make_principal_token()
    try:
        settings = load(file, {**environ, "VX11_TOKEN": principal.token, "VX11_TOKEN_FILE": ""})
        addresses = {**read_addresses(environ), **_upstream_addresses(settings)}
        apps = build_services(principal.token, addresses, environ)
    except ConfigError as error:
        return _fail(2, *map(str, error.problems))
    except ValueError as error:
        return _fail(2, str(error))
    if problem := _listen_problem(settings, addresses):
        return _fail(1, problem)
    prepare_process(settings)
    services = [Service(apps[name], address.host, address.port) for name, address in addresses.items()]
    try:
        uvloop.run(_serve(settings, services, principal, made=given is None))
    except OSError as error:
        return _fail(1, f"The stack can't start: {error.strerror}.")
    except StartError as error:
        return _fail(1, f"The stack can't start: {error}.")
    except EventStoreError as error:
        return _fail(1, str(error))
    return 0


async def _serve(
    settings: Settings, services: Sequence[Service], principal: KnownToken, *, made: bool
) -> None:
    gateway = Gateway(settings)
    async with AsyncExitStack() as running:
        with stop_signals() as signalled:
            for service in services:
                await service.start()
                running.push_async_callback(service.stop)
            await gateway.start()
            running.push_async_callback(gateway.stop)
            base = base_url(*gateway.address)
            panel = f"{base}{PANEL_PATH}" if _serves_panel(settings) else None
            _say(welcome(base, principal.in_shell, made=made, panel=panel))
            await signalled.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.vx11", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=CONFIG, metavar="FILE", help="configuration")
    return parser


def _listen_problem(settings: Settings, addresses: Mapping[str, Address]) -> str | None:
    listeners = {"TENTACULO_LISTEN": settings.listen, "TENTACULO_ADMIN": settings.admin}
    listeners |= {f"{name.upper()}_ADDRESS": address for name, address in addresses.items()}
    # Asked beforehand, to name what to change, and since a listener that shares its port would not fail.
    for name, address in listeners.items():
        if reason := _why_not_listen(address):
            return f"{address.host}:{address.port} {reason}; set {name} to another address."
    return None


def _why_not_listen(address: Address) -> str | None:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        socket.create_server((address.host, address.port), family=family).close()
    except OSError as error:
        in_use = error.errno == errno.EADDRINUSE
        return "is already in use" if in_use else f"can't be listened on ({error.strerror})"
    return None


def _upstream_addresses(settings: Settings) -> dict[str, Address]:
    servers = {upstream.name: upstream.server for upstream in settings.upstreams}
    names = [name for name in ("operator", "frontend") if name in servers]
    return {name: Address(servers[name].host, servers[name].port) for name in names}


def _serves_panel(settings: Settings) -> bool:
    return is_built() and "frontend" in _upstream_addresses(settings)


def _fail(code: int, *sentences: str) -> int:
    for sentence in sentences:
        _say(f"{sentence}\n")
    return code


def _say(text: str) -> None:
    # On stderr, so that stdout holds log events only.
    sys.stderr.write(text)
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(argv=sys.argv[1:]))
