"""Whether compose would make again what runs, with this environment: no check would notice another port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.deploying.outcomes import NotPossible, hold
from scripts.deploying.snapshot import Snapshot
from scripts.deploying.stack import GATEWAY, GATEWAY_PORT, TAGS, Published, Stack


def check(stack: Stack) -> str:
    """Services run under the image names that compose has for them, the gateway at the port that it has."""
    own = stack.own()
    named = [(name, own[name].image_name, image) for name, image in stack.images.items() if name in own]
    faults = [
        f"{name} runs as {runs}, and compose calls its image {image}: set {TAGS[name]} as it was"
        for name, runs, image in named
        if runs != image
    ]
    hold(faults + _faults_of_port(stack))
    return "names of images and the published port are those of compose"


def check_port(stack: Stack) -> str:
    """Whatever runs, the gateway does so at the port that compose has."""
    hold(_faults_of_port(stack))
    return "the published port is that of compose"


def check_names(stack: Stack, snapshot: Snapshot) -> None:
    """Raise NotPossible where compose calls images otherwise than it did at a snapshot."""
    names = [name for name, image in stack.images.items() if snapshot.names.get(name) != image]
    if names:
        raise NotPossible(f"at the snapshot compose had other names for the images of {', '.join(names)}")


def _faults_of_port(stack: Stack) -> list[str]:
    own, wanted = stack.own(), published(stack.rendered["services"][GATEWAY])
    if GATEWAY not in own or own[GATEWAY].wanted == wanted:
        return []
    there, then = shown(own[GATEWAY].wanted), shown(wanted)
    return [f"{GATEWAY} is published at {there}, and compose has {then}: set VX11_PUBLISH as it was"]


def published(service: Mapping[str, Any]) -> set[Published]:
    """Return where a service of rendered compose files publishes the gateway's port; its forms are two."""
    found = [
        _long(one) if isinstance(one, Mapping) else _short(str(one)) for one in service.get("ports") or ()
    ]
    return {(host or "0.0.0.0", port) for host, port, target in found if target == GATEWAY_PORT}


def shown(places: set[Published]) -> str:
    """Return places in words."""
    return ", ".join(f"{host}:{port or 'any port'}" for host, port in sorted(places)) or "no port"


def _long(told: Mapping[str, Any]) -> tuple[str, str, str]:
    target = f"{told['target']}/{told.get('protocol', 'tcp')}"
    return str(told.get("host_ip") or ""), str(told.get("published") or ""), target


def _short(text: str) -> tuple[str, str, str]:
    head, _, target = text.rpartition(":")
    host, _, port = head.rpartition(":")
    return host.strip("[]"), port, target if "/" in target else f"{target}/tcp"
