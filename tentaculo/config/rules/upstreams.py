"""Every upstream is used, its servers go together, and its TLS options can hold."""

from __future__ import annotations

from collections.abc import Iterator

from tentaculo.config.certificates import certificate_fault
from tentaculo.config.draft import Draft
from tentaculo.config.problems import Finding, YamlPath, show_path
from tentaculo.config.settings import Server
from tentaculo.config.upstream_models import UpstreamSection


def upstream_faults(draft: Draft) -> Iterator[Finding]:
    """Yield the upstreams that no route names, servers that don't fit the others, TLS that can't hold."""
    upstreams = draft.file.upstreams or {}
    yield from _unused(draft, upstreams)
    for name, section in upstreams.items():
        yield from _servers(draft, section, ("upstreams", name, "servers"))
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


def _servers(draft: Draft, section: UpstreamSection, path: YamlPath) -> Iterator[Finding]:
    first: dict[Server, YamlPath] = {}
    servers = _urls(section, path)
    for place, server in servers:
        here = place[: draft.document.find(place)[1]]
        if server.scheme != servers[0][1].scheme:
            yield Finding(here, f"must be {servers[0][1].scheme}, as the first server of this upstream is")
        if first.setdefault(server, here) != here:
            yield Finding(here, f"is the same server as {show_path(first[server])}")


def _urls(section: UpstreamSection, path: YamlPath) -> list[tuple[YamlPath, Server]]:
    return [
        ((*path, index, "url"), server.url)
        for index, server in enumerate(section.servers or ())
        if server.url is not None
    ]


def _tls(draft: Draft, section: UpstreamSection, path: YamlPath) -> Iterator[Finding]:
    if section.tls is None:
        return
    servers = _urls(section, path)
    if servers and all(server.scheme == "http" for _, server in servers):
        yield Finding(path, "is for https servers only, and this upstream's is http", at_key=True)
    if section.tls.ca is not None:
        fault = certificate_fault(draft.directory / section.tls.ca)
        if fault is not None:
            yield Finding((*path, "ca"), fault)
