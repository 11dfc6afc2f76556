"""The stack as a whole: what is healthy, what is published, and what its containers may do."""

from __future__ import annotations

import json

import pytest

from tests.stack.stack import ROOT, SERVICES, Stack, run


def test_health(stack: Stack) -> None:
    """Seven containers come up healthy from one command."""
    assert stack.health() == dict.fromkeys(SERVICES, "healthy")


def test_five_checks(stack: Stack) -> None:
    """Tokens and streams work through it, in both modes."""
    environ = {**stack.environ, "VX11_TOKEN": stack.token}
    for mode in ("delegated", "gateway"):
        command = [".venv/bin/python", "scripts/test_sse_ephemeral_token.py", "--base-url", stack.base_url]
        assert "5 of 5 passed" in run([*command, "--mode", mode], environ)


@pytest.mark.parametrize("service", SERVICES)
def test_confinement(service: str, stack: Stack) -> None:
    """Each has a root that is read-only, no capabilities, a bound on memory, and no user of weight."""
    container = stack.container(service)
    told = json.loads(run(["docker", "inspect", container], stack.environ))[0]
    assert told["HostConfig"]["ReadonlyRootfs"]
    assert told["HostConfig"]["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in told["HostConfig"]["SecurityOpt"]
    assert told["HostConfig"]["Memory"] > 0
    assert told["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert told["Config"]["User"] == "65532:65532"
    published = [ports for ports in told["NetworkSettings"]["Ports"].values() if ports]
    assert len(published) == (service == "tentaculo_link")


@pytest.mark.parametrize("service", SERVICES)
def test_secrets(service: str, stack: Stack) -> None:
    """None stands in an environment, an argument, or in a container that has no use for it."""
    told = run(["docker", "inspect", stack.container(service)], stack.environ)
    arguments = run(["docker", "top", stack.container(service), "-eo", "pid,args"], stack.environ)
    secrets = {
        name: stack.run("exec", "-T", "redis", "cat", f"/run/secrets/{name}").strip()
        for name in ("principal/token", "admin/token", "redis/password")
    }
    assert [name for name, secret in secrets.items() if secret in told + arguments] == []
    mounted = {mount["Destination"] for mount in json.loads(told)[0]["Mounts"]}
    assert {name for name in mounted if name.startswith("/run/secrets/")} == {
        "tentaculo_link": {"/run/secrets/admin", "/run/secrets/principal", "/run/secrets/redis"},
        "redis": {"/run/secrets/admin", "/run/secrets/principal", "/run/secrets/redis"},
        "madre": {"/run/secrets/redis"},
        "operator-backend": {"/run/secrets/principal"},
    }.get(service, set())


async def test_nothing_without_a_token(stack: Stack) -> None:
    """Calls of every service behind the gateway need one, and the panel's files none."""
    for path in ("/operator/api/status", "/madre/topics", "/switch/counts", "/hermes/events"):
        assert (await stack.get(path, with_token=False))[0] == 401
        assert (await stack.get(path))[0] == 200
    assert (await stack.get("/panel/", with_token=False))[0] == 200


def test_root_of_the_project() -> None:
    """What is written in compose.yaml is there from a checkout."""
    assert (ROOT / "examples" / "vx11" / "compose.yaml").is_file()
