"""A second way through the stack, while the first one is replaced: a gateway, and services behind it.

It is started and shown to be good before anything is led to it. Nobody calls a service any more when it is
stopped: a service that closes a connection while a call comes on it would spoil that call.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from scripts.deploying.flow import Caller
from scripts.deploying.outcomes import StepFailed
from scripts.deploying.redirects import HOST, Redirects, to_port, to_service
from scripts.deploying.stack import GATEWAY, LABEL, TAGS, Container, Stack
from scripts.deploying.verification import url_of

NETWORK = "services"
PUBLISHED = "published"
"""What the rules are for that lead to another gateway."""
SHARED = frozenset({"madre"})
"""Services that others than the gateway call, and that may run twice: both are found under the name."""

Beside = Mapping[str, Container]


class Detour:
    """Starts containers beside the stack's, leads new connections to them, and back."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._redirects = Redirects(stack.project)
        self._count = 0

    def start(self, tags: Mapping[str, str]) -> Beside:
        """Start a container of each service from its image under a tag.

        The gateway among them calls the services among them; nobody else calls any yet.
        """
        with ThreadPoolExecutor(max_workers=4) as pool:
            names = [self._name(service) for service in tags]
            found = list(pool.map(self._run, tags, tags.values(), names))
        extras = {one.name: one for one in self._stack.extras()}
        beside = {service: extras[name] for service, name in zip(tags, found, strict=True) if name in extras}
        if missing := [name for name in found if name not in extras]:
            raise StepFailed(f"{', '.join(missing)} is not there any more")
        if GATEWAY in beside and all(one.pid for one in beside.values()):
            self._see_network(beside[GATEWAY])
            pairs = [(one.port, self._address(one)) for name, one in beside.items() if name != GATEWAY]
            rules = [to_service(beside[GATEWAY].pid, port, address) for port, address in pairs]
            self._redirects.add("services", rules)
        return beside

    def share_names(self, beside: Beside) -> None:
        """Let other services find those beside that they call."""
        for service in SHARED & set(beside):
            container, network = beside[service], self._network(beside[service])
            # An engine gives names only to who comes.
            self._stack.docker("network", "disconnect", network, container.id)
            self._stack.docker("network", "connect", "--alias", service, network, container.id)
            now = self._stack.again(container)
            if now and GATEWAY in beside:  # it may have come back with another address
                rule = to_service(beside[GATEWAY].pid, now.port, self._address(now))
                self._redirects.add("services", [rule])

    def open(self, gateway: Container) -> None:
        """Lead new connections for the published port to the gateway beside; those that are open go on."""
        spare = dict(gateway.published)
        own = self._stack.container(GATEWAY)
        pairs = [(place, spare[place[0]]) for place in own.published if place[0] in spare]
        self._redirects.add(PUBLISHED, [rule for place, port in pairs for rule in to_port(place, port)])
        # Its own gateway would answer as well: the rules' own counts tell who did.
        answered = Caller(url_of(own.published), "").status("/health") == 200
        if not (answered and len(pairs) == len(own.published) and self._redirects.are_used(PUBLISHED)):
            raise StepFailed("connections can't be led to another port here")

    def close(self) -> None:
        """Lead new connections to the stack's own gateway again."""
        self._redirects.delete([HOST], PUBLISHED)

    def is_open(self) -> bool:
        """Whether connections are led elsewhere now."""
        return self._redirects.count() > 0

    def remove(self, containers: Sequence[Container]) -> None:
        """Stop containers in order, which finish what they have in hand, and remove them."""
        self._stack.remove(containers)

    def clear(self) -> str:
        """Remove all that is left of this or an earlier deployment; return what that was."""
        rules = self._redirects.delete([HOST])
        extras = self._stack.extras()
        # Gateways first: they still call the others.
        self._stack.remove([one for one in extras if one.service == GATEWAY])
        self._stack.remove([one for one in extras if one.service != GATEWAY])
        found = [f"{rules} rules"] * bool(rules) + [one.name for one in extras]
        return f"removed {', '.join(found)}" if found else "nothing was left"

    def _run(self, service: str, tag: str, name: str) -> str:
        options = ["--detach", "--no-deps", "--name", name, "--label", f"{LABEL}={tag}"]
        if service == GATEWAY:
            host = next((host for host, _ in self._stack.container(GATEWAY).published), "127.0.0.1")
            given = f"[{host}]" if ":" in host else host
            options += ["--publish", "8000" if host in {"0.0.0.0", "::"} else f"{given}::8000"]
        self._stack.compose("run", *options, service, extra={TAGS[service]: tag})
        return name

    def _see_network(self, container: Container) -> None:
        """See that a container's process is one of this machine: rules would go to a stranger's network."""
        program = "import os; print(os.readlink('/proc/self/ns/net'))"
        inside = self._stack.execute(container, "python3", "-c", program).strip()
        try:
            here = os.readlink(f"/proc/{container.pid}/ns/net")
        except OSError:
            here = ""
        if here != inside:
            raise StepFailed("the engine's processes are not those of this machine")

    def _name(self, service: str) -> str:
        taken = {one.name for one in self._stack.containers()}
        while True:
            self._count += 1
            if (name := f"{self._stack.project}-{service}-beside-{self._count}") not in taken:
                return name

    def _address(self, container: Container) -> str:
        return container.addresses[self._network(container)]

    def _network(self, container: Container) -> str:
        return next(name for name in container.addresses if name.endswith(f"_{NETWORK}"))
