"""The baseline of a stack that runs: every item is there, no secret is, and the stack is as it was."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.stack.stack import COMPOSE, ROOT, SERVICES, Stack, run, run_until

SCRIPT = "scripts/fase_0_5_forensic_canonical.sh"
IN_A_CALL, IN_A_HEADER, IN_THE_ENVIRONMENT = (
    f"planted-in-{place}-4711" for place in ("call", "head", "environ")
)
OLD_SECRET = "0f1e2d3c" * 6
# A service that tells every secret it knows.
PLANTED = f"""
services:
  planted:
    image: vx11/redis:${{VX11_REDIS_TAG:-latest}}
    entrypoint:
      - sh
      - -c
      - |
        echo "GET /x?token={IN_A_CALL} HTTP/1.1"
        echo "Authorization: Bearer {IN_A_HEADER}"
        echo "read $$PLANTED_API_KEY and {OLD_SECRET}"
        cat /run/secrets/*/*
        exec sleep infinity
    environment: {{PLANTED_API_KEY: {IN_THE_ENVIRONMENT}}}
    healthcheck: {{disable: true}}
    stop_signal: SIGKILL
    networks: [services]
    depends_on: {{redis: {{condition: service_healthy}}}}
    volumes:
      - admin-secret:/run/secrets/admin:ro
      - principal-secret:/run/secrets/principal:ro
      - redis-secret:/run/secrets/redis:ro
"""


@dataclass(frozen=True, slots=True)
class Baselines:
    """Two that were taken at once, and what the stack was before and after."""

    folders: tuple[Path, Path]
    before: Any
    after: Any


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The seven services, and one that tells secrets."""
    override = tmp_path_factory.mktemp("compose") / "planted.yaml"
    override.write_text(PLANTED)
    with Stack(f"vx11-forensics-{os.getpid()}", COMPOSE, override) as stack:
        yield stack


@pytest.fixture(scope="module")
def secrets(planted: Stack) -> set[str]:
    """All that may stand nowhere."""
    names = ("principal/token", "admin/token", "redis/password", "redis/url")
    read = [planted.run("exec", "-T", "redis", "cat", f"/run/secrets/{name}").strip() for name in names]
    return {*read, IN_A_CALL, IN_A_HEADER, IN_THE_ENVIRONMENT, OLD_SECRET}


@pytest.fixture(scope="module")
def baselines(planted: Stack, tmp_path_factory: pytest.TempPathFactory) -> Baselines:
    """Take two at once."""
    folders = tmp_path_factory.mktemp("one") / "x", tmp_path_factory.mktemp("two") / "x"
    before = _standing(planted)
    processes = [
        subprocess.Popen(
            [SCRIPT, "--no-tests", "--output", folder],
            cwd=ROOT,
            env=planted.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for folder in folders
    ]
    printed = [process.communicate(timeout=110)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "".join(printed)
    return Baselines(folders, before, _standing(planted))


def _standing(stack: Stack) -> Any:
    """Return what no baseline may change: containers and how they are, volumes, what hermes keeps."""
    of_project = ("--filter", f"label=com.docker.compose.project={stack.project}", "--quiet")
    ids = sorted(run(["docker", "ps", "--all", "--no-trunc", *of_project], stack.environ).split())
    told = json.loads(run(["docker", "inspect", *ids], stack.environ))
    kept = [
        [one[key] for key in ("Id", "Config", "HostConfig", "RestartCount")]
        + [one["State"][key] for key in ("Status", "Pid", "StartedAt")]
        + sorted(mount["Destination"] + mount["Source"] for mount in one["Mounts"])  # in no order
        for one in told
    ]
    volumes = sorted(run(["docker", "volume", "ls", *of_project], stack.environ).split())
    return kept, volumes, stack.run("exec", "-T", "hermes", "ls", "/data")


def _listed(folder: Path) -> dict[str, dict[str, str]]:
    return {item["name"]: item for item in json.loads((folder / "MANIFEST.json").read_text())}


def test_items(planted: Stack, baselines: Baselines) -> None:
    """Each is there, and what the index says of it holds."""
    for folder in baselines.folders:
        listed = _listed(folder)
        assert {name: item for name, item in listed.items() if item["state"] != "there"}.keys() == {
            "tests.txt"
        }
        files = {name for name, item in listed.items() if item["sha256"]}
        logs = {f"logs/{service}.log" for service in (*SERVICES, "planted")}
        assert files == logs | {
            *("compose.yaml", "services.txt", "openapi.json", "routes.txt", "configuration.json"),
            *("database.json", "revision.txt", "core-files.sha256", "versions.txt", "VARS.env"),
        }
        for name in files:
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == listed[name]["sha256"]
        assert listed["stack"]["note"] == f"running as {planted.project}"
        assert listed["token-source"]["note"] == "container:operator-backend:/run/secrets/principal/token"


def test_no_secret(planted: Stack, secrets: set[str], baselines: Baselines) -> None:
    """None that the stack knows is in any file, though each of them was in a log."""
    raw = run(["docker", "logs", planted.container("planted")], planted.environ)
    assert {secret for secret in secrets if secret not in raw} == set()
    for folder in baselines.folders:
        found = [
            (path.name, secret)
            for path in folder.rglob("*")
            if path.is_file()
            for secret in secrets
            if secret in path.read_text()
        ]
        assert found == []
        assert (folder / "logs" / "planted.log").read_text().count("***") >= len(secrets)
        assert "PLANTED_API_KEY: '***'" in (folder / "compose.yaml").read_text()


async def test_token_in_a_call(planted: Stack, tmp_path: Path) -> None:
    """One that a client put into a URL is in no log tail."""
    async with aiohttp.ClientSession() as session:
        for path in ("/operator/api/events/stream", "/events/stream", "/panel/"):
            async with session.get(f"{planted.base_url}{path}?token={IN_A_CALL}") as answer:
                assert answer.status in (200, 401)
    command = ["docker", "logs", planted.container("tentaculo_link")]
    logged = partial(run, command, planted.environ)
    await asyncio.to_thread(run_until, lambda: "/panel/?token=***" in logged(), 10)
    run([SCRIPT, "--no-tests", "--output", str(tmp_path / "x")], planted.environ, seconds=110)
    logs = "".join(path.read_text() for path in (tmp_path / "x" / "logs").iterdir())
    assert "/operator/api/events/stream?token=***" in logs
    assert IN_A_CALL not in logs


def test_nothing_changes(baselines: Baselines) -> None:
    """Containers, volumes and the database's folder are what they were."""
    assert baselines.before == baselines.after


def test_contents(baselines: Baselines) -> None:
    """What it says is so: the database is sound, the gateway's paths are there, services are healthy."""
    folder, _ = baselines.folders
    told = json.loads((folder / "database.json").read_text())
    assert (told["path"], told["quick_check"], told["integrity_check"]) == ("/data/vx11.db", ["ok"], ["ok"])
    described = json.loads((folder / "openapi.json").read_text())
    assert {"/health", "/events/sse-token", "/ready", "/reload"} <= described["paths"].keys()
    assert _listed(folder)["openapi.json"]["note"] == ""  # that of the gateway that runs
    assert "operator-events" in json.loads((folder / "configuration.json").read_text())["routes"]
    states = [line.split("\t") for line in (folder / "services.txt").read_text().splitlines() if "\t" in line]
    assert {(state[0], *state[1:4]) for state in states[1:]} == {
        *((service, "running", "healthy", "0") for service in SERVICES),
        ("planted", "running", "none", "0"),
    }


def test_variables(planted: Stack, baselines: Baselines) -> None:
    """A script that sources them reaches the stack."""
    names = ("STACK", "BACKEND_SERVICE", "DATABASE", "GATEWAY_ADDRESS")
    script = f'. "$1"; echo {" ".join(f"$BASELINE_{name}" for name in names)}'
    script += "; export COMPOSE_FILE COMPOSE_PROJECT_NAME; exec scripts/stack ps --quiet tentaculo_link"
    environ = {name: value for name, value in planted.environ.items() if not name.startswith("COMPOSE")}
    shown = run(["bash", "-euc", script, "-", str(baselines.folders[0] / "VARS.env")], environ).splitlines()
    assert shown == [
        f"running operator-backend /data/vx11.db 127.0.0.1:{planted.port}",
        planted.container("tentaculo_link"),
    ]


def test_service_that_is_stopped(planted: Stack, secrets: set[str], tmp_path: Path) -> None:
    """What it alone knows is missing for a reason, its log is there, and nothing fails or leaks."""
    planted.run("stop", "hermes")
    try:
        run([SCRIPT, "--no-tests", "--output", str(tmp_path / "x")], planted.environ, seconds=110)
    finally:
        planted.run("start", "hermes")
    listed = _listed(tmp_path / "x")
    assert listed["stack"]["note"].startswith("partly running")
    assert (listed["database.json"]["state"], listed["logs/hermes.log"]["state"]) == ("not there", "there")
    everything = "".join(path.read_text() for path in (tmp_path / "x").rglob("*") if path.is_file())
    assert not [secret for secret in secrets if secret in everything]
