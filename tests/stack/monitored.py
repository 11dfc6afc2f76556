"""A stack with a real Prometheus, in a project's folder of its own, and a person who follows a runbook on it.

The folder has what the checkout has, but its config/ is a copy that pages may edit. Its alerts are hurried:
scraped every 200 ms, they look back and wait a 25th as long.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.observability.files import RULES
from tests.observability.prometheus import OFTEN, hurried
from tests.stack.runbooks import Runbook
from tests.stack.stack import ROOT, Stack, run, run_until

COMPOSE_FILES = ("compose.yaml", "compose.monitoring.yaml")
GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost", "-C")
OWN = (".git", "config", "docs", "examples", "scripts")


class MonitoredStack(Stack):
    """The seven services and Prometheus; `folder` is the project's folder for whoever works on it."""

    def __init__(self, project: str, folder: Path, *, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        make_project(folder)
        files = (folder / "examples" / "vx11" / name for name in COMPOSE_FILES)
        super().__init__(project, *files, environ=environ)
        self.environ = outside_git(self.environ)

    @property
    def configuration(self) -> Path:
        """The gateway's configuration: a copy, which may be edited."""
        return self.folder / "config" / "vx11.yaml"

    def start(self) -> None:
        """Start them, and return when all are healthy and Prometheus sees nothing wrong."""
        super().start()
        run_until(lambda: asyncio.run(self._all_well()), 30)

    def container(self, service: str) -> str:
        """Return the id of a service's container; the engine says it sooner than compose."""
        labels = (f"project={self.project}", f"service={service}")
        filters = [word for label in labels for word in ("--filter", f"label=com.docker.compose.{label}")]
        return run(["docker", "ps", "--all", "--quiet", *filters], self.environ).strip()

    def block(self, commands: str, seconds: float = 100) -> str:
        """Run a block as a person pastes it; return what it printed, and fail when a command in it fails."""
        command = ["bash", "-e", "-o", "pipefail", "-c", f"cd '{self.folder}'\n{commands}"]
        return run(command, self.environ, seconds=seconds)

    async def turns_bad(self, page: Runbook, seconds: float = 60) -> None:
        """Wait until a page's check prints something."""
        await asyncio.to_thread(run_until, lambda: self.block(page.check).strip() != "", seconds)

    async def turns_good(self, page: Runbook, seconds: float = 60) -> None:
        """Wait until a page's check prints nothing."""
        await asyncio.to_thread(run_until, lambda: self.block(page.check).strip() == "", seconds)

    async def section(self, page: Runbook, title: str) -> str:
        """Run all blocks of a section, in order; return all that they printed."""
        return "".join([await asyncio.to_thread(self.block, commands) for commands in page.blocks[title]])

    async def follow(self, page: Runbook) -> str:
        """Do all that a page says, once its check is bad, and see it turn good; return what was printed."""
        await self.turns_bad(page)
        told = await self.section(page, "Check") + await self.section(page, "Act")
        await self.turns_good(page)
        await self.section(page, "Verify")
        return told

    async def roll_back(self, page: Runbook) -> None:
        """Do what a page says to undo what was done, and see the stack well afterwards."""
        await self.section(page, "Roll back")
        await self.is_well()

    async def is_well(self, seconds: float = 60) -> None:
        """Wait until all services are healthy and no alert fires."""
        await self.becomes_healthy(seconds)
        await asyncio.to_thread(run_until, lambda: asyncio.run(self._all_well()), seconds)

    async def _all_well(self) -> bool:
        try:
            return bool(await self.query("up == 1")) and not await self.query("ALERTS")
        except OSError:  # Prometheus does not listen yet
            return False


def make_project(folder: Path) -> None:
    """Make a project's folder: copies of what pages may write to, links to the rest."""
    for path in ROOT.iterdir():
        if path.name not in OWN:
            (folder / path.name).symlink_to(path)
    shutil.copytree(ROOT / "config", folder / "config")
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    # The environment is the checkout's own, which is set up.
    (folder / "scripts" / "setup").write_text("#!/bin/sh\n", encoding="utf-8")
    (folder / "docs").mkdir()
    example = folder / "examples" / "vx11"
    example.mkdir(parents=True)
    for path in (ROOT / "examples" / "vx11").iterdir():
        if path.suffix == ".yaml":
            shutil.copy(path, example)
        else:
            (example / path.name).symlink_to(path)
    _hurry(folder / "config" / "prometheus")
    run(["chmod", "-R", "a+rX", str(folder / "config")], {})  # users of containers read it
    for command in (["init"], ["add", "config"], ["commit", "--message", "As it was"]):
        run([*GIT, str(folder), *command], outside_git())


def outside_git(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return an environment that names no repository: the folder's own is meant, wherever tests run."""
    return {name: value for name, value in environ.items() if not name.startswith("GIT_")}


def _hurry(folder: Path) -> None:
    for name in RULES:
        file = folder / name
        file.write_text(hurried(file.read_text(encoding="utf-8")), encoding="utf-8")
    file = folder / "prometheus.yml"
    text = file.read_text(encoding="utf-8")
    file.write_text(re.sub(r"(?<=_interval: )\w+", OFTEN, text), encoding="utf-8")
    assert yaml.safe_load(file.read_text(encoding="utf-8"))["global"]["scrape_interval"] == OFTEN
