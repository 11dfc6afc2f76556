"""What shows that a stack is well: health, the five checks, a command that comes back, few faults.

Each check returns a sentence, or raises StepFailed.  The principal token is read where it is needed, and
goes only to standard inputs and headers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from scripts.deploying.commands import ROOT, Deadline, Done, Interruption, attempt, wait_until
from scripts.deploying.figures import Calls, read_calls
from scripts.deploying.flow import Caller
from scripts.deploying.outcomes import StepFailed, hold
from scripts.deploying.stack import GATEWAY, SERVICES, Container, Stack
from scripts.deploying.upstreams import Held, held_back
from scripts.forensics.known import NAMES

INSIDE = Path(__file__).parent / "inside"
FIVE_CHECKS = ROOT / "scripts" / "test_sse_ephemeral_token.py"
CHECK_SECONDS = 40.0
PASSED = "5 of 5 passed"
SETTLE_SECONDS = 20.0
GOOD = frozenset({"healthy", "none"})
BAD = frozenset({"unhealthy", "gone"})
DIRECT = {"madre": "/madre/topics", "operator-backend": "/operator/api/status", "frontend": "/panel/"}
"""What a service answers that is asked without a gateway before it."""


class Verification:
    """The checks of one stack."""

    def __init__(self, stack: Stack, interruption: Interruption) -> None:
        self._stack = stack
        self._interruption = interruption

    def becomes_healthy(self, containers: Sequence[Container], deadline: Deadline) -> str:
        """Wait until containers are healthy; one that ended or was found unhealthy is waited for no more."""
        states: dict[str, str] = {}

        def decided() -> bool:
            now = {one.id: one for one in self._stack.containers()}
            states.update({one.name: self._health(now.get(one.id)) for one in containers})
            return set(states.values()) <= GOOD or not BAD.isdisjoint(states.values())

        wait_until(decided, deadline, self._interruption)
        bad = [f"{name} is {state}" for name, state in states.items() if state not in GOOD]
        hold([*bad, *self._last_words(containers)] if bad else [])
        return f"healthy: {', '.join(one.name for one in containers)}"

    def all_healthy(self) -> str:
        """All seven services are healthy, as the engine sees it; one that just started has a moment."""
        states: dict[str, str] = {}

        def decided() -> bool:
            states.update(self._stack.health())
            return "starting" not in states.values()

        wait_until(decided, Deadline(SETTLE_SECONDS), self._interruption)
        hold([f"{name} is {state}" for name, state in states.items() if state != "healthy"])
        return f"{len(SERVICES)} of {len(SERVICES)} services are healthy"

    def answers(self, containers: Sequence[Container]) -> str:
        """Services answer rightly by themselves, asked from a gateway's container."""
        if not containers:
            return ""
        urls = [f"http://{one.name}:{one.port}{DIRECT[one.service]}" for one in containers]
        asking = self._gateways()
        if not asking:
            raise StepFailed(f"no {GATEWAY} runs that could ask them")
        told = self._stack.python(asking[0], INSIDE / "answers.py", *urls, seconds=10 + 6 * len(urls))
        hold(told.splitlines())
        return f"{', '.join(one.service for one in containers)} answer"

    def once_settled(self, check: Callable[[], str], deadline: Deadline | None = None) -> str:
        """Make a check when no gateway refuses calls by itself, and again while one still tries.

        After services were away a gateway holds calls back from them for seconds: what fails for that says
        nothing of the images.  Once the deadline is over, and where nothing is held back, a failure counts.
        """
        deadline = deadline or Deadline(SETTLE_SECONDS)
        while True:
            held = self._settled(deadline)
            try:
                return check()
            except StepFailed:
                if not held or not deadline.left():
                    raise

    def five_checks(self, base_url: str) -> str:
        """The five checks pass through a gateway, in each of its modes."""
        token = self.principal_token().encode()
        command = (".venv/bin/python", FIVE_CHECKS, "--token-file", "/dev/stdin", "--base-url", base_url)
        return self._in_each_mode(
            lambda mode: attempt(*command, "--mode", mode, given=token, seconds=CHECK_SECONDS)
        )

    def five_checks_from(self, container: Container, base_url: str) -> str:
        """The same in the gateway's own mode, asked inside a gateway's container, which has the token."""
        command = ("docker", "exec", "--interactive", container.id, "python3", "-", "--base-url", base_url)
        given = FIVE_CHECKS.read_bytes()
        done = attempt(*command, "--mode", "gateway", given=given, seconds=CHECK_SECONDS)
        hold([] if _has_passed(done) else [_why(done)])
        return PASSED

    def command(self, base_url: str) -> str:
        """A command comes back as an event."""
        return Caller(base_url, self.principal_token()).try_command()

    def calls(self) -> dict[str, Calls]:
        """Return what each gateway that runs counted, by its container's id."""
        return {one.id: read_calls(self.ask_gateway(one, "/metrics")) for one in self._gateways()}

    def ask_gateway(self, container: Container, path: str) -> str:
        """Return what the admin listener of a gateway answers."""
        return self._stack.python(container, INSIDE / "gateway.py", path)

    def base_url(self, container: Container) -> str:
        """Return where a gateway is published, as this machine reaches it."""
        return url_of(container.published)

    def principal_token(self) -> str:
        """Return the principal token."""
        operator = self._stack.container("operator-backend")
        return self._stack.secret(operator, "sh", "-c", 'cat "$VX11_TOKEN_FILE"')

    def _gateways(self) -> list[Container]:
        return [one for one in self._stack.containers() if one.service == GATEWAY and one.pid]

    def _settled(self, deadline: Deadline) -> Held:
        """Wait until calls to each service are let through, and return those not known to be good."""
        held: Held = {}

        def decided() -> bool:
            held.clear()
            for one in self._gateways():
                with suppress(StepFailed):  # of one that does not answer the check itself will tell
                    told = self.ask_gateway(one, "/upstreams"), self.ask_gateway(one, "/metrics")
                    held.update(held_back(*told))
            return set(held.values()) <= {"half_open"}

        wait_until(decided, deadline, self._interruption)
        return held

    def _in_each_mode(self, check: Callable[[str], Done]) -> str:
        modes = ("delegated", "gateway") if self._has_short_tokens() else ("gateway",)
        with ThreadPoolExecutor(len(modes)) as pool:
            ended = list(pool.map(check, modes))
        bad = [
            f"{mode}: {_why(done)}" for mode, done in zip(modes, ended, strict=True) if not _has_passed(done)
        ]
        hold(bad)
        return "; ".join(f"{mode}: {PASSED}" for mode in modes)

    def _health(self, container: Container | None) -> str:
        """Return a container's health; its own check is made at once, for the engine lets seconds pass."""
        if container is None:
            return "gone"
        if container.health == "starting" and container.check:
            done = attempt("docker", "exec", container.id, *container.check, seconds=10)
            return "healthy" if done.code == 0 else "starting"
        return container.health

    def _has_short_tokens(self) -> bool:
        environment = self._stack.container("operator-backend").told["Config"]["Env"]
        return any(one.startswith("OPERATOR_SHORT_TOKENS=") and one[-1] != "=" for one in environment)

    def _last_words(self, containers: Sequence[Container]) -> list[str]:
        words = []
        for one in containers:
            now = self._stack.again(one)
            if now is not None and now.health in {"gone", "unhealthy"}:
                done = attempt("docker", "logs", "--tail", "3", one.id)
                lines = (done.text + done.errors).splitlines()
                words += [f"{one.name} said: {NAMES.text(line)[:300]}" for line in lines]
        return words


def url_of(published: Sequence[tuple[str, int]]) -> str:
    """Return the URL of a published port; one that is published everywhere is asked at the loopback."""
    if not published:
        raise StepFailed("the gateway's port is not published")
    host, port = sorted(published)[0]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _has_passed(done: Done) -> bool:
    return done.code == 0 and PASSED in done.text


def _why(done: Done) -> str:
    failed = [line for line in done.text.splitlines() if "FAIL" in line]
    return "; ".join(failed) or (done.errors.strip().splitlines() or ["no answer"])[-1]
