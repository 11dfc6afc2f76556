"""Every upstream is used, and its TLS options can hold."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

from tentaculo.config.draft import Draft
from tentaculo.config.problems import Finding, YamlPath
from tentaculo.config.upstream_models import UpstreamSection


def upstream_faults(draft: Draft) -> Iterator[Finding]:
    """Yield the upstreams that no route names, and TLS options that can't hold."""
    upstreams = draft.file.upstreams or {}
    yield from _unused(draft, upstreams)
    for name, section in upstreams.items():
        yield from _tls(draft, section, ("upstreams", name, "tls"))


def _unused(draft: Draft, upstreams: dict[str, UpstreamSection]) -> Iterator[Finding]:
    if not draft.is_clear("routes") or not all(
        draft.is_clear(*route.path, "upstream") for route in draft.routes
    ):
        return
    used = {route.section.upstream for route in draft.routes}
    for name in upstreams:
        if name not in used:
            yield Finding(("upstreams", name), "no route names this upstream", at_key=True)


def _tls(draft: Draft, section: UpstreamSection, path: YamlPath) -> Iterator[Finding]:
    if section.tls is None:
        return
    servers = section.servers or ()
    if any(server.url is not None and server.url.scheme == "http" for server in servers):
        yield Finding(path, "is for https servers only, and this upstream's is http", at_key=True)
    if section.tls.ca is not None:
        fault = _authority_fault(draft.directory / section.tls.ca)
        if fault is not None:
            yield Finding((*path, "ca"), fault)


def _authority_fault(path: Path) -> str | None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        return "names a file that holds no certificate in PEM form"
    except OSError as fault:
        return f"names a file that can't be read: {fault.strerror}"
    return None
