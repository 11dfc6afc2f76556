"""The restarts of a load: a command that is run for one service after another."""

from __future__ import annotations

import asyncio
import itertools
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from examples.vx11.load_commands import pause

SERVICES = "madre,switch,hermes,operator-backend,frontend,redis,tentaculo_link"
LONGEST_RESTART = 120.0
PLACE = "{service}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """One restart; `exit_code` is None where the command took longer than LONGEST_RESTART and was killed."""

    service: str
    seconds: float
    exit_code: int | None


class Restarts:
    """Runs `command` with `{service}` in it replaced, each `every` seconds after the one before.

    No shell reads it.
    """

    def __init__(
        self,
        command: str,
        services: Sequence[str],
        *,
        every: float,
        say: Callable[[str], None],
        longest: float = LONGEST_RESTART,
    ) -> None:
        self._parts = read_command(command)
        self._services = services
        self._every = every
        self._say = say
        self._longest = longest
        self.done: list[Restart] = []

    async def run_until(self, end: asyncio.Event) -> None:
        """Restart one service after another until the end; the last one is waited for."""
        for service in itertools.cycle(self._services):
            await pause(end, self._every)
            if end.is_set():
                return
            await self._restart(service)

    async def _restart(self, service: str) -> None:
        self._say(f"restarting {service}")
        began = asyncio.get_running_loop().time()
        exit_code = await self._run([part.replace(PLACE, service) for part in self._parts])
        seconds = asyncio.get_running_loop().time() - began
        self._say(f"restarted {service} in {seconds:.1f} s, exit code {exit_code}")
        self.done.append(Restart(service=service, seconds=round(seconds, 3), exit_code=exit_code))

    async def _run(self, parts: Sequence[str]) -> int | None:
        # In a session of its own: Ctrl-C must not leave a service half restarted.
        process = await asyncio.create_subprocess_exec(
            *parts,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._longest):
                return await process.wait()
        except TimeoutError:
            return None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def read_command(command: str) -> list[str]:
    """Return the command's parts; raises ValueError with a sentence for one that can't be run."""
    try:
        parts = shlex.split(command)
    except ValueError:
        parts = []
    if not any(PLACE in part for part in parts[1:]):
        raise ValueError(f"--restart must be a command with {PLACE} in it, such as 'docker restart {PLACE}'.")
    if shutil.which(parts[0]) is None:
        raise ValueError("The command in --restart can't be found.")
    return parts
