"""A deployment from its first check to its report, and the way back.

New images run beside the old ones first, and everybody is led to them: up to there the way back is to lead
them home.  Then backend, gateway and frontend are replaced, each checked before anybody comes to it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from scripts.deploying import agreement, planning, snapshot
from scripts.deploying.commands import Deadline, Interruption
from scripts.deploying.detour import Detour
from scripts.deploying.figures import since
from scripts.deploying.outcomes import NotPossible, StepFailed, hold, reason_of
from scripts.deploying.redirects import lack
from scripts.deploying.replacing import Changes, Replacing
from scripts.deploying.report import Report
from scripts.deploying.snapshot import Snapshot
from scripts.deploying.stack import BACKENDS, GATEWAY, SERVICES, Stack
from scripts.deploying.verification import Verification

ROLLBACK_SECONDS = 115.0
DEPLOY_SECONDS = 600.0
PLAINLY = "connections to the gateway are refused for a moment while it is replaced"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a deployment is to do; without a tag the images are built."""

    tag: str | None
    with_redis: bool


class Deployment:
    """One deployment, or one rollback, of a stack."""

    def __init__(self, stack: Stack, report: Report, interruption: Interruption) -> None:
        self._stack = stack
        self._report = report
        self._interruption = interruption
        self._verification = Verification(stack, interruption)
        self._lack = lack()
        self._detour = Detour(stack)
        self._replacing = Replacing(stack, self._detour, self._verification, report)

    def deploy(self, wanted: Wanted, before: Snapshot) -> int:
        """Deploy; return the exit code: 0 done, 1 not done and rolled back."""
        self._report.note(images_before=before.ids)
        if self._lack:
            self._report.note(no_redirects=f"{self._lack}: {PLAINLY}")
        try:
            changes = self._prepare(wanted, before)
        except Exception as fault:
            return self._not_begun(fault)
        if not changes:
            self._report.end("Nothing to do: these images run already")
            return 0
        try:
            self._change(changes, Deadline(DEPLOY_SECONDS))
        except Exception as fault:  # whatever it is, the way back is the same
            self._report.note(rolled_back_for=reason_of(fault))
            self._way_back(before, began=self._report.seconds)
            return 1
        self._interruption.ignored = True
        with suppress(StepFailed):  # it is deployed all the same
            if folder := self._report.folder:
                self._check("old images", lambda: snapshot.forget(self._stack, folder.parent))
        self._note_images()
        self._report.end("Deployed")
        return 0

    def roll_back(self, before: Snapshot) -> int:
        """Go back to a snapshot by hand; return the exit code."""
        try:
            self._report.note(images_before=self._ids())
            self._see_leftovers()
            agreement.check_names(self._stack, before)
            self._check("environment", lambda: agreement.check_port(self._stack))
            changes = planning.changes_back(self._stack, before)
        except Exception as fault:
            return self._not_begun(fault)
        try:
            # What a deployment that was killed has left may be all that serves: it stays until the end.
            if changes and not self._detour.is_open():
                self._change(changes, Deadline(ROLLBACK_SECONDS))
        except Exception as fault:
            self._report.note(not_gapless=reason_of(fault))
        return 0 if self._way_back(before, began=0.0) else 1

    def preflight(self) -> None:
        """See that the stack is well and that nothing is left of another deployment."""
        if self._detour.is_open():  # what was left may be all that serves
            raise NotPossible(
                "a deployment that was killed has left its detour: `rollback` goes back from it"
            )
        self._see_leftovers()
        self._check("environment", lambda: agreement.check(self._stack))
        self._check("health", self._verification.all_healthy)
        self._check("leftovers of an earlier deployment", self._detour.clear)
        self.verify()

    def rehearse(self, wanted: Wanted, before: Snapshot) -> int:
        """Say what `deploy` would do, having changed nothing; return whether it could begin, as exit code."""
        try:
            self._check("environment", lambda: agreement.check(self._stack))
            self._check("health", self._verification.all_healthy)
            self.check_configuration()
        except StepFailed:
            self._report.end("It could not begin")
            return 1
        if wanted.tag is None:
            self._report.end("All images would be built, and those of them that differ replace what runs")
            return 0
        changes = planning.changes_to(self._stack, before, wanted.tag, with_redis=wanted.with_redis)
        for name, one in changes.items():
            self._report.note(**{name: one.after})
        self._report.end(f"Would replace {', '.join(changes) or 'nothing'}")
        return 0

    def check_configuration(self) -> None:
        """See that the gateway that runs takes the configuration of this checkout."""
        self._check("configuration", lambda: planning.check_configuration(self._stack, None))

    def verify(self) -> None:
        """See that the stack is well as a whole."""
        self._check("health", self._verification.all_healthy)
        self.test()

    def test(self) -> None:
        """See that tokens and streams work, and that a command comes back."""
        checks = self._verification
        url = checks.base_url(self._stack.container(GATEWAY))
        self._check("five checks", lambda: checks.once_settled(lambda: checks.five_checks(url)))
        self._check("command", lambda: checks.once_settled(lambda: checks.command(url)))

    def _prepare(self, wanted: Wanted, before: Snapshot) -> Changes:
        self.preflight()
        tag = wanted.tag or planning.new_tag()
        if wanted.tag is None:
            with self._report.step("build") as step:
                step.said = planning.build(self._stack, tag, with_redis=wanted.with_redis)
        changes = planning.changes_to(self._stack, before, tag, with_redis=wanted.with_redis)
        self._report.note(images_wanted={name: one.after for name, one in changes.items()})
        self._check("configuration", lambda: planning.check_configuration(self._stack, tag))
        if changes and (folder := self._report.folder):
            self._check("snapshot", lambda: snapshot.take(self._stack, folder, before))
        return changes

    def _change(self, changes: Changes, deadline: Deadline) -> None:
        self._interruption.check()
        self._phase("redis", lambda: self._replacing.plainly(changes, ["redis"], deadline))
        if self._lack:
            self._change_plainly(changes, deadline)
        elif set(changes) != {"redis"}:
            self._change_beside(changes, deadline)
        self._check("health", self._verification.all_healthy)

    def _change_beside(self, changes: Changes, deadline: Deadline) -> None:
        replacing, beside = self._replacing, self._replacing.stage(changes, deadline)
        self._phase("detour", lambda: replacing.open(beside))
        replacing.end_gateway()
        self._phase("backend", lambda: replacing.backends(changes, deadline))
        # Nobody comes to these two before the return: each is checked by itself.
        self._phase("gateway", lambda: replacing.gateway(changes, beside, deadline), apart=True)
        self._phase("frontend", lambda: replacing.plainly(changes, ["frontend"], deadline), apart=True)
        self._phase("return", lambda: replacing.close(beside))

    def _change_plainly(self, changes: Changes, deadline: Deadline) -> None:
        for name, services in (("backend", BACKENDS), ("gateway", [GATEWAY]), ("frontend", ["frontend"])):
            self._phase(name, partial(self._replacing.plainly, changes, services, deadline))

    def _phase(self, name: str, change: Callable[[], None], *, apart: bool = False) -> None:
        """Make a change, and see that tokens, streams and a command work, and that it spoiled no calls."""
        count, before = len(self._report.told.steps), self._verification.calls()
        change()
        if len(self._report.told.steps) == count:
            return
        if not apart:
            self.test()
        with self._report.step(f"faults in phase {name}") as step:
            calls = since(before, self._verification.calls())
            step.said = str(calls)
            hold([] if calls.are_good else [str(calls)])

    def _way_back(self, before: Snapshot, *, began: float) -> bool:
        """Go back, prove it, and return whether that succeeded; its time is counted from `began` on."""
        self._interruption.ignored = True
        deadline = Deadline(ROLLBACK_SECONDS)
        try:
            self._back(before, deadline)
            self._prove(before)
        except Exception as fault:
            self._report.note(rollback_failed=reason_of(fault))
            self._note_images()
            self._report.end("ROLLBACK FAILED: the stack needs a person now")
            return False
        self._note_images()
        seconds = self._report.seconds - began
        self._report.note(rollback_seconds=round(seconds, 1))
        self._report.end(f"Rolled back and proven in {seconds:.1f} s")
        return True

    def _back(self, before: Snapshot, deadline: Deadline) -> None:
        for service in SERVICES:  # what nobody has begun to replace gets its name back all the same
            self._stack.docker("tag", before.ids[service], before.names[service])
        changes = planning.changes_back(self._stack, before)
        for services in (["redis"], BACKENDS, ["frontend"], [GATEWAY]):
            with suppress(StepFailed):  # its step says so; the others go back all the same
                self._replacing.plainly(changes, services, deadline)
        try:
            self._verification.becomes_healthy([self._stack.container(GATEWAY)], deadline)
        except StepFailed as fault:
            raise StepFailed(
                f"{GATEWAY} does not come back; what runs beside it serves on\n{fault}"
            ) from None
        with self._report.step("clear") as step:
            step.said = self._detour.clear()

    def _prove(self, before: Snapshot) -> None:
        with self._report.step("proof: images are those of before") as step:
            ids = self._ids()
            hold([f"{name} runs {ids[name]}" for name in SERVICES if ids[name] != before.ids[name]])
            step.said = f"{len(SERVICES)} of {len(SERVICES)}"
        self.verify()

    def _see_leftovers(self) -> None:
        """Refuse to go on where rules may be left that can't be seen: what they lead to would be removed."""
        if self._lack and self._stack.extras():
            raise NotPossible(f"a deployment has left its detour, which can't be seen here: {self._lack}")

    def _not_begun(self, fault: Exception) -> int:
        self._report.end(f"Not begun: {reason_of(fault)}")
        return 2 if isinstance(fault, NotPossible) else 1

    def _note_images(self) -> None:
        with suppress(StepFailed):  # what was done holds without it
            self._report.note(images_after=self._ids())

    def _ids(self) -> dict[str, str]:
        own = self._stack.own()
        return {name: own[name].image if name in own else "none" for name in SERVICES}

    def _check(self, name: str, check: Callable[[], str]) -> None:
        self._interruption.check()
        with self._report.step(name) as step:
            step.said = check()
