"""Replaces the containers of services by those of other images.

Where a detour is open nobody notices, but for hermes: it owns its database's file and is away for a moment,
which the operator bridges for streams that are open.  The switch is called by nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scripts.deploying.commands import Deadline
from scripts.deploying.detour import SHARED, Beside, Detour
from scripts.deploying.outcomes import StepFailed, hold
from scripts.deploying.report import Report
from scripts.deploying.stack import BACKENDS, GATEWAY, STOP_SECONDS, Container, Stack, tag_of
from scripts.deploying.verification import DIRECT, Verification

SINGLE = "hermes", "switch", "redis"
"""Services of which only one may run."""
HEALTHY_SECONDS = 60.0
GATEWAY_URL = f"http://{GATEWAY}:8000"


@dataclass(frozen=True, slots=True)
class Change:
    """A service's image: what compose calls it, the ids of before and after, and a tag of the latter."""

    service: str
    name: str
    before: str
    after: str
    tag: str


Changes = Mapping[str, Change]


class Replacing:
    """Goes from the images of before to those of after; what fails raises StepFailed."""

    def __init__(self, stack: Stack, detour: Detour, verification: Verification, report: Report) -> None:
        self._stack = stack
        self._detour = detour
        self._verification = verification
        self._report = report

    def stage(self, changes: Changes, deadline: Deadline) -> Beside:
        """Start what is to come beside what runs, and see that it is good; nothing is led to it yet."""
        tags = {name: one.tag for name, one in changes.items() if name not in SINGLE}
        tags.setdefault(GATEWAY, tag_of(self._stack.images[GATEWAY]))
        with self._report.step(f"stage {', '.join(tags)}") as step:
            beside = self._detour.start(tags)
            self._verification.becomes_healthy(list(beside.values()), _most(deadline))
            self._verification.answers([one for name, one in beside.items() if name != GATEWAY])
            self._detour.share_names(beside)
            url = self._verification.base_url(beside[GATEWAY])
            step.said = self._verification.five_checks(url)
        return beside

    def open(self, beside: Beside) -> None:
        """Lead everybody to what is beside; the gateway that they came through ends in order."""
        with self._report.step("lead new connections to the detour"):
            self._detour.open(beside[GATEWAY])

    def end_gateway(self) -> None:
        """Let the own gateway finish and stop, so that nobody comes through it."""
        with self._report.step(f"drain {GATEWAY}"):
            own = self._stack.container(GATEWAY)
            self._stack.docker("stop", "-t", str(STOP_SECONDS), own.id)

    def backends(self, changes: Changes, deadline: Deadline) -> None:
        """Replace hermes, switch, madre and the operator, those of them that change."""
        # Hermes first: while it is away no stream opens, and an operator that stops ends its own.
        self._replace(changes, [name for name in BACKENDS if name in SINGLE], deadline)
        self._replace(changes, [name for name in BACKENDS if name not in SINGLE], deadline)

    def gateway(self, changes: Changes, beside: Beside, deadline: Deadline) -> None:
        """Replace the gateway, which starts anew in any case, and check it before anybody comes to it."""
        # It must not learn of an address that soon is nobody's.
        self._let_go([one for name, one in beside.items() if name in SHARED])
        own = self._stack.container(GATEWAY)
        same = Change(GATEWAY, self._stack.images[GATEWAY], own.image, own.image, "")
        self._replace({GATEWAY: changes.get(GATEWAY, same)}, [GATEWAY], deadline)
        with self._report.step(f"check {GATEWAY}") as step:
            step.said = self._verification.five_checks_from(beside[GATEWAY], GATEWAY_URL)

    def plainly(self, changes: Changes, services: Iterable[str], deadline: Deadline) -> None:
        """Replace services, whoever calls them."""
        self._replace(changes, services, deadline)

    def close(self, beside: Beside) -> None:
        """Lead everybody back, and end what is beside in order."""
        with self._report.step(f"lead new connections to {GATEWAY} again"):
            self._detour.close()
        self._let_go([beside[GATEWAY]])
        self._let_go([one for name, one in beside.items() if name not in {GATEWAY, *SHARED}])

    def _replace(self, changes: Changes, services: Iterable[str], deadline: Deadline) -> None:
        names = [name for name in services if name in changes]
        if not names:
            return
        with self._report.step(f"replace {', '.join(names)}") as step:
            # All are tried, whatever comes of one: on the way back the others are to come back too.
            hold([fault for name in names if (fault := self._recreate(changes[name]))])
            own = [self._stack.container(name) for name in names]
            self._verification.becomes_healthy(own, _most(deadline))
            step.said = self._verification.answers([one for one in own if one.service in DIRECT])

    def _recreate(self, change: Change) -> str:
        """Put a new container in the place of a service's; return what is wrong, if something is."""
        options = ("--detach", "--no-deps", "--no-build", "--force-recreate", "--timeout", str(STOP_SECONDS))
        try:
            self._stack.docker("tag", change.after, change.name)
            self._stack.compose("up", *options, change.service)
        except StepFailed as fault:
            return str(fault)
        return ""

    def _let_go(self, containers: Sequence[Container]) -> None:
        if containers:
            with self._report.step(f"end {', '.join(one.name for one in containers)}"):
                self._detour.remove(containers)


def _most(deadline: Deadline) -> Deadline:
    return Deadline(deadline.left(HEALTHY_SECONDS))
