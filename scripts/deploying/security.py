"""What the containers of a stack may do, and whether a secret of theirs can be seen from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.deploying.commands import attempt
from scripts.deploying.outcomes import StepFailed, hold
from scripts.deploying.stack import GATEWAY, SERVICES, Container, Stack

SECRETS = "principal/token", "admin/token", "redis/password"
HIDDEN = "400"
"""The mode of a file that holds a secret."""


def confinement(stack: Stack) -> str:
    """Each container has a root that is read-only, no capabilities, bounds, and no user of weight."""
    own = stack.own()
    hold([fault for name in SERVICES if name in own for fault in freedoms(own[name])])
    return (
        "read-only roots, no capabilities, no new privileges, bounds on memory and processes, no root users"
    )


def publishing(stack: Stack) -> str:
    """The gateway's own port is the only one that is published."""
    faults = []
    for name, container in stack.own().items():
        ports: Mapping[str, Any] = container.told["NetworkSettings"]["Ports"] or {}
        published = {port for port, bound in ports.items() if bound}
        expected = {"8000/tcp"} if name == GATEWAY else set()
        # Services that compose files add, such as a Prometheus, are their own affair.
        if name in SERVICES and published != expected:
            faults.append(f"{name} publishes {', '.join(sorted(published)) or 'nothing'}")
    hold(faults)
    return f"only {GATEWAY} publishes a port"


def secrets(stack: Stack) -> str:
    """No secret stands in an environment, an argument or a log."""
    own = stack.own()
    if "redis" not in own:
        raise StepFailed("redis has no container, and it alone holds all secrets")
    known = [stack.secret(own["redis"], "cat", f"/run/secrets/{name}") for name in SECRETS]
    faults = []
    for name, container in own.items():
        arguments = attempt("docker", "top", container.id, "-eo", "pid,args")
        log = attempt("docker", "logs", container.id)
        seen = f"{container.told}{arguments.text}{log.text}{log.errors}"
        found = [which for which, secret in zip(SECRETS, known, strict=True) if secret and secret in seen]
        faults += [f"{name} gives {which} away" for which in found]
    hold(faults)
    return f"none of {', '.join(SECRETS)} is in an environment, an argument or a log"


def files(stack: Stack) -> str:
    """Only their owner may read the files that hold them."""
    names = [f"/run/secrets/{name}" for name in SECRETS]
    told = stack.execute(stack.container("redis"), "stat", "-c", "%a %n", *names)
    hold([f"{line} should be {HIDDEN}" for line in told.splitlines() if line.split()[0] != HIDDEN])
    return f"{len(names)} files of mode {HIDDEN}"


CHECKS = {
    "confinement": confinement,
    "published ports": publishing,
    "secrets": secrets,
    "files of secrets": files,
}


def freedoms(container: Container) -> list[str]:
    """Tell what a container may do that it should not."""
    host, config = container.told["HostConfig"], container.told["Config"]
    holds = {
        "a root that is read-only": host["ReadonlyRootfs"],
        "no capabilities": "ALL" in (host["CapDrop"] or ()) and not host["CapAdd"] and not host["Privileged"],
        "no new privileges": "no-new-privileges:true" in (host["SecurityOpt"] or ()),
        "a bound on memory": host["Memory"] > 0,
        "a bound on processes": (host["PidsLimit"] or 0) > 0,
        "a user of its own": config["User"].partition(":")[0] not in {"", "0", "root"},
    }
    return [f"{container.service} lacks {what}" for what, is_so in holds.items() if not is_so]
