"""The stack that runs, as compose and the engine tell of it, and what is done to its containers.

It knows names and ids, and neither phases nor what makes an image good.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from scripts.deploying.commands import attempt, run
from scripts.deploying.outcomes import NotPossible, StepFailed

GATEWAY = "tentaculo_link"
BACKENDS = "hermes", "switch", "madre", "operator-backend"
SERVICES = (*BACKENDS, GATEWAY, "frontend", "redis")
GATEWAY_PORT = "8000/tcp"
TAGS = {
    GATEWAY: "VX11_GATEWAY_TAG",
    "frontend": "VX11_FRONTEND_TAG",
    "redis": "VX11_REDIS_TAG",
} | dict.fromkeys(BACKENDS, "VX11_SERVICE_TAG")
"""The variable of compose.yaml that each service's tag is read from."""
LABEL = "vx11.deployment"
STOP_SECONDS = 15
"""A gateway drains for 9 s at most."""

_COMPOSE = "com.docker.compose"


Published = tuple[str, str]
"""An address, 0.0.0.0 for all, and a port, empty for any."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container as it was when it was asked for; `told` is all that the engine tells."""

    told: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.told["Id"])

    @property
    def name(self) -> str:
        """Its name, by which others in its networks find it."""
        return str(self.told["Name"]).removeprefix("/")

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return self.told["Config"]["Labels"] or {}

    @property
    def service(self) -> str:
        """The service that it is of."""
        return self.labels.get(f"{_COMPOSE}.service", "")

    @property
    def is_own(self) -> bool:
        """Whether it is the service's own, rather than one that was run beside it."""
        return self.labels.get(f"{_COMPOSE}.oneoff") == "False"

    @property
    def image(self) -> str:
        """The id of its image."""
        return str(self.told["Image"])

    @property
    def image_name(self) -> str:
        """What it was told to call its image when it was made."""
        return str(self.told["Config"]["Image"])

    @property
    def pid(self) -> int:
        """Its first process, 0 while it does not run."""
        return int(self.told["State"]["Pid"])

    @property
    def health(self) -> str:
        """One of `starting`, `healthy`, `unhealthy`, `none` (it says nothing), or `gone`."""
        state = self.told["State"]
        if not state["Running"]:
            return "gone"
        return str((state.get("Health") or {"Status": "none"})["Status"])

    @property
    def port(self) -> int:
        """The port that its service listens on, where its environment says so."""
        environment = [str(one) for one in self.told["Config"]["Env"]]
        return next((int(one.removeprefix("PORT=")) for one in environment if one.startswith("PORT=")), 0)

    @property
    def check(self) -> tuple[str, ...]:
        """The command that tells its health, empty where there is none."""
        how, *command = (self.told["Config"].get("Healthcheck") or {}).get("Test") or [""]
        if how == "CMD-SHELL":
            return ("sh", "-c", *command)
        return tuple(command) if how == "CMD" else ()

    @property
    def addresses(self) -> dict[str, str]:
        """Its address in each network."""
        networks = self.told["NetworkSettings"]["Networks"]
        return {name: str(network["IPAddress"]) for name, network in networks.items()}

    @property
    def published(self) -> list[tuple[str, int]]:
        """Where the gateway's port is published: addresses and ports of this machine."""
        found = self.told["NetworkSettings"]["Ports"] or {}
        bound = found.get(GATEWAY_PORT) or self._bindings  # which stand while it is stopped, too
        return [(one["HostIp"] or "0.0.0.0", int(one["HostPort"])) for one in bound if one["HostPort"]]

    @property
    def wanted(self) -> set[Published]:
        """Where it was told to publish the gateway's port."""
        return {(one["HostIp"] or "0.0.0.0", one["HostPort"]) for one in self._bindings}

    @property
    def _bindings(self) -> Sequence[Mapping[str, str]]:
        return (self.told["HostConfig"]["PortBindings"] or {}).get(GATEWAY_PORT) or ()


class Stack:
    """The stack that scripts/stack runs with this environment."""

    def compose(self, *arguments: str, seconds: float = 60.0, extra: Mapping[str, str] | None = None) -> str:
        """Run scripts/stack; raise StepFailed where it fails."""
        return run("scripts/stack", *arguments, seconds=seconds, extra=extra)

    def docker(self, *arguments: str, seconds: float = 60.0) -> str:
        """Run docker; raise StepFailed where it fails."""
        return run("docker", *arguments, seconds=seconds)

    @cached_property
    def rendered(self) -> Mapping[str, Any]:
        """The compose files as compose reads them."""
        found: Mapping[str, Any] = yaml.safe_load(self.compose("config"))
        return found

    @cached_property
    def images(self) -> dict[str, str]:
        """The image name of each service."""
        return {name: self.rendered["services"][name]["image"] for name in SERVICES}

    @cached_property
    def project(self) -> str:
        """The name that compose gave the stack.  Raises NotPossible where it does not run."""
        ids = self.compose("ps", "--quiet").split()
        if not ids:
            raise NotPossible("the stack does not run: start it with `scripts/stack up --detach`")
        found = self._inspect(ids)
        if not found:
            raise StepFailed("the engine does not tell of its containers")
        return found[0].labels[f"{_COMPOSE}.project"]

    def containers(self) -> list[Container]:
        """Return all containers of the stack, those beside it too."""
        ids = run("docker", "ps", "--all", "--quiet", "--filter", f"label={_COMPOSE}.project={self.project}")
        return self._inspect(ids.split())

    def own(self) -> dict[str, Container]:
        """Return the services' own containers, by service."""
        # A compose that was cut short leaves the old one under another name: what runs counts.
        found = sorted(self.containers(), key=lambda one: one.pid > 0)
        return {one.service: one for one in found if one.is_own}

    def container(self, service: str) -> Container:
        """Return a service's own container; raise StepFailed where there is none."""
        try:
            return self.own()[service]
        except KeyError:
            raise StepFailed(f"{service} has no container") from None

    def extras(self) -> list[Container]:
        """Return the containers that a deployment ran beside those of the services."""
        return [one for one in self.containers() if LABEL in one.labels]

    def again(self, container: Container) -> Container | None:
        """Return a container as it is now, None where it is gone."""
        found = [one for one in self.containers() if one.id == container.id]
        return found[0] if found else None

    def health(self) -> dict[str, str]:
        """Return the health of each service."""
        own = self.own()
        return {name: own[name].health if name in own else "gone" for name in SERVICES}

    def image_id(self, name: str) -> str | None:
        """Return the id of an image, None where there is none of that name."""
        done = attempt("docker", "image", "inspect", "--format", "{{.Id}}", name)
        return done.text.strip() if done.code == 0 else None

    def tagged(self, service: str, tag: str) -> str:
        """Return the name of a service's image under another tag."""
        return f"{repository_of(self.images[service])}:{tag}"

    def execute(self, container: Container, *command: str, given: bytes = b"", seconds: float = 15.0) -> str:
        """Run a command in a container; return what it printed."""
        return run("docker", "exec", "--interactive", container.id, *command, given=given, seconds=seconds)

    def secret(self, container: Container, *command: str) -> str:
        """Return the secret that a command in a container prints; its failure tells nothing of that."""
        done = attempt("docker", "exec", container.id, *command, seconds=15)
        if done.code != 0:
            raise StepFailed(f"{container.service} does not tell a secret that is needed")
        return done.text.strip()

    def python(self, container: Container, program: Path, *arguments: str, seconds: float = 15.0) -> str:
        """Run a program of this checkout with the Python of a container; return what it printed."""
        given = program.read_bytes()
        return self.execute(container, "python3", "-", *arguments, given=given, seconds=seconds)

    def remove(self, containers: Sequence[Container]) -> None:
        """Stop containers in order, and remove them."""
        ids = [one.id for one in containers]
        if ids:  # engines stop them one after another
            run("docker", "stop", "-t", str(STOP_SECONDS), *ids, seconds=25 + STOP_SECONDS * len(ids))
            run("docker", "rm", "--force", *ids)

    def _inspect(self, ids: Sequence[str]) -> list[Container]:
        # One may have gone since it was listed; the engine then tells of the others.
        told = attempt("docker", "inspect", "--type", "container", *ids).text if ids else "[]"
        try:
            return [Container(one) for one in json.loads(told)]
        except ValueError:
            raise StepFailed("the engine does not tell of its containers") from None


def repository_of(image: str) -> str:
    """Return an image's name without its tag."""
    return re.sub(r":[^:/]*$", "", image)


def tag_of(image: str) -> str:
    """Return the tag of an image's name."""
    return image.removeprefix(repository_of(image)).removeprefix(":") or "latest"
