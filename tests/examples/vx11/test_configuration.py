"""config/vx11.yaml: both modes in front of one operator, and who may do what there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from examples.vx11.operator import OperatorOptions, build_operator
from examples.vx11.panel import build_panel
from examples.vx11.service import Service
from tentaculo.config.loader import load
from tentaculo.config.problems import ConfigError
from tests.fakes.client import Fields, RawClient, request
from tests.functional.running import RunningGateway

FILE = Path(__file__).parents[3] / "config" / "vx11.yaml"
TOKEN = "principal-of-the-test"
HEADER = (("X-VX11-Token", TOKEN),)
ADMIN = (("Authorization", "Bearer admin-of-the-test"),)


@asynccontextmanager
async def _running(**environ: str) -> AsyncIterator[RunningGateway]:
    backend = build_operator(TOKEN, options=OperatorOptions(short_lifetime=1))
    operator = Service(backend.app(), "127.0.0.1", 0)
    await operator.start()
    frontend = Service(build_panel(), "127.0.0.1", 0)
    await frontend.start()
    services = {
        "OPERATOR_ADDRESS": "{}:{}".format(*operator.address),
        "FRONTEND_ADDRESS": "{}:{}".format(*frontend.address),
    }
    given = {"TENTACULO_LISTEN": "127.0.0.1:0", "TENTACULO_ADMIN": "127.0.0.1:0", "VX11_TOKEN": TOKEN}
    text = FILE.read_text() + "log: {format: json}\n"
    gateway = RunningGateway(text, {**given, **services, **environ})
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()
        await operator.stop()
        await frontend.stop()
        gateway.check_log()


async def _status(gateway: RunningGateway, target: str, fields: Fields = (), method: str = "GET") -> int:
    client = await gateway.client()
    await client.send(request(method, target, [*fields]))
    return (await client.head()).status


@pytest.mark.parametrize(
    ("method", "target", "with_header", "status"),
    [
        ("GET", "/health", False, 200),
        ("GET", "/operator/api/status", False, 401),
        ("GET", "/operator/api/status", True, 200),
        ("GET", "/events/stream", False, 401),
        ("GET", "/events/stream", True, 200),
        ("GET", "/events/stream?token=made-up", False, 401),
        ("GET", f"/events/stream?token={TOKEN}", False, 200),
        ("GET", f"/events/short/stream?token={TOKEN}", False, 401),
        ("GET", f"/operator/api/events/stream?token={TOKEN}", False, 401),
        ("GET", "/operator/api/events/stream", True, 200),
        ("POST", "/events/sse-token", False, 401),
        ("POST", "/operator/api/events/sse-token", False, 401),
        ("POST", "/operator/api/events/sse-token-short", True, 200),
        ("GET", "/panel/nothing", False, 404),
        ("POST", "/panel/", True, 405),
    ],
)
async def test_who_may_do_what(method: str, target: str, *, with_header: bool, status: int) -> None:
    """Nobody gets through without proof, and the gateway's own credential is spent for nobody else."""
    async with _running() as gateway:
        assert await _status(gateway, target, HEADER if with_header else (), method) == status


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/events/stream"),
        ("POST", "/events/sse-token"),
        ("GET", "/events/short/stream"),
        ("GET", "/operator/api/events/stream"),
        ("POST", "/operator/api/events/sse-token"),
        ("GET", "/operator/api/status"),
    ],
)
async def test_the_operator_can_be_switched_off(method: str, target: str) -> None:
    """VX11_OPERATOR_PROXY_ENABLED=0 answers 503 on all that leads there, and health goes on."""
    async with _running(VX11_OPERATOR_PROXY_ENABLED="0") as gateway:
        assert await _status(gateway, target, HEADER, method) == 503
        assert await _status(gateway, "/health") == 200


@pytest.mark.parametrize(
    ("environ", "status"),
    [({}, 404), ({"TENTACULO_ADMIN_TOKEN": "admin-of-the-test"}, 200)],
    ids=["off", "on"],
)
async def test_the_admin_api_is_off_without_a_token(environ: dict[str, str], status: int) -> None:
    """No token stands in the file: who sets none has no admin API."""
    async with _running(**environ) as gateway:
        admin = await RawClient.connect("127.0.0.1", gateway.admin_port)
        await admin.send(
            request("DELETE", "/principals/operator-ui/tokens", [*ADMIN, ("Connection", "close")])
        )
        assert (await admin.reply("DELETE")).status == status
        await admin.aclose()


def test_the_file_holds_no_secret() -> None:
    """Without VX11_TOKEN there is no stack, and a Redis is named by the environment."""
    with pytest.raises(ConfigError) as caught:
        load(FILE, {})
    assert {problem.path for problem in caught.value.problems} >= {"principals[0].token"}
    settings = load(FILE, {"VX11_TOKEN": TOKEN, "VX11_TOKEN_STORE": "redis://redis:6379/0"})
    assert settings.token_store.url is not None
    assert load(FILE, {"VX11_TOKEN": TOKEN}).token_store.url is None
    assert settings.admin_digest is None
