"""scripts/deploy_automation.sh on a real stack: new images under load, bad ones, and nothing at all."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from examples.vx11.load_panels import Panel
from examples.vx11.load_target import Target
from tests.stack.deploy_callers import Callers
from tests.stack.stack import ROOT, SERVICES, Stack, run

SCRIPT = "scripts/deploy_automation.sh"
IMAGES = {
    "tentaculo_link": "VX11_GATEWAY_TAG",
    "service": "VX11_SERVICE_TAG",
    "frontend": "VX11_FRONTEND_TAG",
}
PANELS = 50


class Images:
    """Images under tags of this test's own, removed at its end."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.tags = [tag]
        for name in IMAGES:
            run(["docker", "tag", f"vx11/{name}:latest", f"vx11/{name}:{tag}"], os.environ)

    def make(self, *lines: str, of: tuple[str, ...] = tuple(IMAGES)) -> str:
        """Make images of these names that differ from the latest by some lines; return their tag."""
        tag = f"{self.tag}-{len(self.tags)}"
        self.tags.append(tag)
        for name in of:
            text = "\n".join([f"FROM vx11/{name}:latest", f"LABEL of.test={tag}", *lines, ""])
            command = ["docker", "build", "--quiet", "--tag", f"vx11/{name}:{tag}", "-"]
            subprocess.run(command, input=text, text=True, check=True, capture_output=True)
        return tag

    def remove(self) -> None:
        """Remove all of them, and the names that deployments gave the images of before."""
        listed = run(["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "vx11/*"], os.environ)
        mine = [one for one in listed.split() if one.partition(":")[2].startswith(f"{self.tag}")]
        subprocess.run(["docker", "rmi", *mine], capture_output=True, check=False)


@pytest.fixture(scope="module")
def images() -> Iterator[Images]:
    """Give the images that the stack runs names that a deployment may move."""
    images = Images(f"deploy-{os.getpid()}")
    try:
        yield images
    finally:
        images.remove()


@pytest.fixture(scope="module")
def stack(images: Images) -> Iterator[Stack]:
    """Run the stack with these."""
    with Stack(f"vx11-deploy-{os.getpid()}", environ=dict.fromkeys(IMAGES.values(), images.tag)) as stack:
        yield stack


class Deployed:
    """What came of a deployment: its exit code, what it printed, and its report."""

    def __init__(self, code: int | None, printed: str, reports: Path) -> None:
        self.code = code
        self.printed = printed
        newest = max(reports.glob("*/report.json"), default=None)
        self.report: dict[str, Any] = json.loads(newest.read_text()) if newest else {}

    @property
    def facts(self) -> dict[str, Any]:
        """The facts of its report."""
        facts: dict[str, Any] = self.report["facts"]
        return facts


async def deploy(
    stack: Stack, reports: Path, *arguments: str, ends: signal.Signals | None = None, at: str = ""
) -> Deployed:
    """Run the script to its end, without a terminal; with `ends` it gets a signal after the step `at`."""
    process = await asyncio.create_subprocess_exec(
        *(SCRIPT, *arguments, "--reports", str(reports)),
        cwd=ROOT,
        env=stack.environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    printed = ""
    async for line in process.stdout:
        printed += line.decode()
        if ends is not None and at in line.decode():
            process.send_signal(ends)
            ends = None
    return Deployed(await process.wait(), printed, reports)


@asynccontextmanager
async def used(stack: Stack) -> AsyncIterator[Callers]:
    """Use a stack by calls and by streams; in the end no call failed, and each event came once to each."""
    run_id = f"load.{secrets.token_hex(4)}"
    callers = Callers(stack.base_url, stack.token, run_id)
    async with Target(stack.base_url, stack.token, "gateway") as target:
        panels = [Panel(target, run_id) for _ in range(PANELS)]
        watching = [asyncio.create_task(panel.watch()) for panel in panels]
        try:
            async with asyncio.timeout(30):
                await asyncio.gather(*(panel.opened.wait() for panel in panels))
            async with callers.calling():
                yield callers
            assert callers.failures == []
            await all_have(panels, set(callers.commands))
            assert [panel.received.repeated for panel in panels] == [0] * PANELS
        finally:
            for task in watching:
                task.cancel()
            await asyncio.wait(watching)


async def all_have(panels: list[Panel], commands: set[str]) -> None:
    """Wait until every panel has every command's event."""
    async with asyncio.timeout(20):
        while not all(commands <= panel.received.keys for panel in panels):  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.1)


def running(stack: Stack) -> dict[str, tuple[str, str]]:
    """Return the container and the image of each service."""
    containers = [stack.container(service) for service in SERVICES]
    told = run(["docker", "inspect", "--format", "{{.Id}} {{.Image}}", *containers], stack.environ)
    pairs = (tuple(line.split()) for line in told.splitlines())
    return {name: (pair[0], pair[1]) for name, pair in zip(SERVICES, pairs, strict=True)}


def images_of(stack: Stack) -> dict[str, str]:
    """Return the image of each service."""
    return {name: image for name, (_, image) in running(stack).items()}


def left_over(stack: Stack) -> list[str]:
    """Return what a deployment should have removed: containers beside the services', and rules."""
    listed = run(
        ["docker", "ps", "--all", "--filter", f"name={stack.project}", "--format", "{{.Names}}"],
        stack.environ,
    )
    rules = run(["iptables", "-w", "-t", "nat", "-S"], stack.environ)
    beside = [name for name in listed.split() if "beside" in name]
    return beside + [line for line in rules.splitlines() if f"{stack.project} " in line]


async def test_rehearsal(stack: Stack, images: Images, tmp_path: Path) -> None:
    """With --dry-run it says what it would do; containers, images, rules, volumes and files stay."""

    def state() -> tuple[object, ...]:
        commands = (
            [
                "docker",
                "ps",
                "--all",
                "--no-trunc",
                "--format",
                "{{.ID}}",
                "--filter",
                f"name={stack.project}",
            ],
            ["docker", "images", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}", "vx11/*"],
            ["docker", "volume", "ls", "--filter", f"name={stack.project}"],
            ["git", "status", "--porcelain", "--ignored", "docs", "data", "config", "scripts"],
        )
        told = [sorted(run(command, stack.environ).splitlines()) for command in commands]
        told[1] = [line for line in told[1] if f":{images.tag}" in line]
        rules = run(["iptables", "-w", "-t", "nat", "-S"], stack.environ).splitlines()
        return (*told, [line for line in rules if stack.project in line], list(tmp_path.iterdir()))

    tag = images.make()
    before = state()
    deployed = await deploy(stack, tmp_path, "deploy", "--tag", tag, "--dry-run")
    assert deployed.code == 0
    assert (
        "Would replace hermes, switch, madre, operator-backend, tentaculo_link, frontend" in deployed.printed
    )
    assert state() == before


async def test_deploy(stack: Stack, images: Images, tmp_path: Path) -> None:
    """All services get new images while they are used: no call fails, no event is lost or comes twice."""
    before, tag = images_of(stack), images.make()
    async with used(stack) as callers:
        deployed = await deploy(stack, tmp_path, "deploy", "--tag", tag)
    assert deployed.code == 0, deployed.printed
    assert callers.answered > 500
    after = images_of(stack)
    assert [name for name in SERVICES if after[name] == before[name]] == ["redis"]
    assert deployed.facts["images_before"] == before
    assert deployed.facts["images_after"] == after
    assert deployed.report["result"] == "Deployed"
    assert left_over(stack) == []


async def test_again(stack: Stack, images: Images, tmp_path: Path) -> None:
    """Compose finds nothing to do after it, nor does a second deployment of the same images."""
    before = running(stack)
    await stack.runs("up", "--detach", "--no-build")
    assert running(stack) == before
    deployed = await deploy(stack, tmp_path, "deploy", "--tag", images.tags[-1])
    assert (deployed.code, deployed.report["result"]) == (0, "Nothing to do: these images run already")
    assert running(stack) == before


NEVER_HEALTHY = """ENTRYPOINT ["sh", "-c", "[ $0 = check ] || exec sleep infinity"]\nCMD ["serve"]"""
SERVER = (
    "import http.server as s; "
    "h = type('H', (s.BaseHTTPRequestHandler,), {'do_GET': lambda me: "
    "(me.send_response(200 if me.path == '/health' else 500), me.end_headers())}); "
    "h.do_POST = h.do_GET; "
    "s.ThreadingHTTPServer(('', PORT), h).serve_forever()"
)


def entry(shell: str, port: int = 0) -> str:
    """An entry point that is a line of sh; SERVER in it is one that answers 500, its health apart."""
    shell = shell.replace("SERVER", f'exec python3 -c "{SERVER}"'.replace("PORT", str(port)))
    return f"ENTRYPOINT {json.dumps(['sh', '-c', shell])}"


OTHERS = "exec python3 -m examples.vx11.$0 --host 0.0.0.0 --port $PORT"
NEVER_HEALTHY = entry("[ $0 = check ] || exec sleep infinity") + '\nCMD ["serve"]'
WRONG = entry("[ $0 = check ] || SERVER", 8000) + '\nCMD ["serve"]'
CRASHES = entry(f"[ $0 != operator ] || exit 3; {OTHERS}")
DROPS = entry(f"[ $0 != switch ] || SERVER; {OTHERS}", 8002)


@pytest.mark.parametrize(
    ("name", "line", "reason"),
    [
        pytest.param("tentaculo_link", NEVER_HEALTHY, "is unhealthy", id="gateway that is never healthy"),
        pytest.param("tentaculo_link", WRONG, "answers 500", id="gateway that answers 500"),
        pytest.param("service", CRASHES, "is gone", id="operator that crashes"),
        pytest.param("service", DROPS, "did not come back as an event", id="switch that drops all"),
    ],
)
async def test_bad_image(
    name: str, line: str, reason: str, stack: Stack, images: Images, tmp_path: Path
) -> None:
    """It is rolled back by itself and in time, which is proven; no call has failed."""
    before = images_of(stack)
    tag = images.make(line, of=(name,))
    async with used(stack):
        deployed = await deploy(stack, tmp_path, "deploy", "--tag", tag)
    assert deployed.code == 1, deployed.printed
    assert reason in deployed.facts["rolled_back_for"]
    assert deployed.report["result"].startswith("Rolled back and proven"), deployed.printed
    assert deployed.facts["rollback_seconds"] < 120
    assert images_of(stack) == before == deployed.facts["images_after"]
    proof = [step["name"] for step in deployed.report["steps"] if step["result"] == "ok"][-4:]
    assert proof == ["proof: images are those of before", "health", "five checks", "command"]
    assert left_over(stack) == []


async def test_interruption(stack: Stack, images: Images, tmp_path: Path) -> None:
    """Ctrl-C in the middle is a fault like others: it goes back, and no call has failed."""
    before, tag = images_of(stack), images.make()
    async with used(stack):
        deployed = await deploy(
            stack, tmp_path, "deploy", "--tag", tag, ends=signal.SIGINT, at="replace hermes"
        )
    assert deployed.code == 1, deployed.printed
    assert deployed.facts["rolled_back_for"] == "it was interrupted by SIGINT"
    assert deployed.report["result"].startswith("Rolled back and proven"), deployed.printed
    assert images_of(stack) == before
    assert left_over(stack) == []


async def test_kill(stack: Stack, images: Images, tmp_path: Path) -> None:
    """One that is killed leaves its detour, which serves; none begins then, and `rollback` goes back."""
    before, tag = images_of(stack), images.make()
    async with used(stack):
        killed = await deploy(stack, tmp_path, "deploy", "--tag", tag, ends=signal.SIGKILL, at="drain")
        assert killed.code == -signal.SIGKILL
        second = await deploy(stack, tmp_path, "deploy", "--tag", tag)
        assert second.code == 2
        assert "`rollback` goes back from it" in second.printed
        back = await deploy(stack, tmp_path, "rollback")
    assert back.code == 0, back.printed
    assert images_of(stack) == before
    assert left_over(stack) == []


async def test_rollback(stack: Stack, images: Images, tmp_path: Path) -> None:
    """It goes back by hand to what ran before the last deployment, and no call fails on the way."""
    before, tag = images_of(stack), images.make(of=("service",))
    deployed = await deploy(stack, tmp_path, "deploy", "--tag", tag)
    assert deployed.code == 0, deployed.printed
    assert images_of(stack)["madre"] != before["madre"]
    async with used(stack):
        back = await deploy(stack, tmp_path, "rollback")
    assert back.code == 0, back.printed
    assert back.facts["rollback_seconds"] < 120
    assert images_of(stack) == before
    assert left_over(stack) == []


async def test_another_environment(stack: Stack, images: Images, tmp_path: Path) -> None:
    """One that would publish the gateway elsewhere, or name images otherwise, is not begun."""
    before, other = running(stack), Stack(stack.project)
    for extra, reason in (
        ({"VX11_PUBLISH": other.environ["VX11_PUBLISH"]}, "set VX11_PUBLISH as it was"),
        ({"VX11_SERVICE_TAG": "latest"}, "set VX11_SERVICE_TAG as it was"),
    ):
        other.environ = {**stack.environ, **extra}
        deployed = await deploy(other, tmp_path, "deploy", "--tag", images.tag)
        assert deployed.code == 1
        assert reason in deployed.report["result"]
    assert running(stack) == before


@pytest.mark.parametrize("command", ["check", "preflight", "verify", "test", "security", "status"])
def test_command(command: str, stack: Stack, tmp_path: Path) -> None:
    """Each of the others finds all well, and changes nothing."""
    before = running(stack)
    done = asyncio.run(deploy(stack, tmp_path, command))
    assert done.code == 0, done.printed
    assert running(stack) == before
    assert list(tmp_path.iterdir()) == []
