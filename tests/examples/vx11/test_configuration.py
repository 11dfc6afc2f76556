"""config/vx11.yaml: both modes in front of one operator, and who may do what there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from examples.vx11.operator import OperatorOptions, build_operator
from examples.vx11.panel import build_panel
from examples.vx11.service import Service
from tentaculo.config.loader import load
from tentaculo.config.problems import ConfigError
from tests.examples.vx11.flow_scene import SERVICES, Flow
from tests.fakes.client import Fields, RawClient, request
from tests.fakes.messages import Message
from tests.functional.running import RunningGateway

FILE = Path(__file__).parents[3] / "config" / "vx11.yaml"
TOKEN = "principal-of-the-test"
HEADER = (("X-VX11-Token", TOKEN),)
ADMIN = (("Authorization", "Bearer admin-of-the-test"),)
# Read-only routes to the services behind the operator, and what their answers hold.
LOOKS = {
    "/madre/topics": "topics",
    "/switch/rules": "rules",
    "/switch/counts": "taken",
    "/hermes/events": "events",
}
CREDENTIALS: dict[str, tuple[str, Fields, int]] = {
    "principal": ("", HEADER, 200),
    "none": ("", (), 401),
    "unknown": ("", (("X-VX11-Token", "nobody-s-own-token"),), 401),
    "empty": ("", (("X-VX11-Token", ""),), 401),
    "two": ("", (*HEADER, *HEADER), 400),
    "in-another-header": ("", (("Authorization", f"Bearer {TOKEN}"),), 401),
    "in-the-url": (f"?token={TOKEN}", (), 401),
    "ephemeral-in-the-url": ("?token={ephemeral}", (), 401),
    "ephemeral-in-the-header": ("", (("X-VX11-Token", "{ephemeral}"),), 401),
}
BESIDE = (
    ("POST", "/madre/topics/events/messages", 404),
    ("POST", "/madre/groups/hermes/take", 404),
    ("POST", "/madre/groups/hermes/ack", 404),
    ("GET", "/madre/topics/", 404),
    ("GET", "/madre/topics/events", 404),
    ("GET", "/madre/health", 404),
    ("GET", "/madre", 404),
    ("POST", "/madre/topics/../groups/hermes/take", 400),
    ("POST", "/madre/topics%2fevents%2fmessages", 404),
    ("POST", "/madre/topics;/events/messages", 404),
    ("POST", "//madre/topics/events/messages", 404),
    ("POST", "/Madre/topics/events/messages", 404),
    ("GET", "/switch/rules/", 404),
    ("GET", "/switch/health", 404),
    ("GET", "/switch", 404),
    ("GET", "/hermes/events/stream", 404),
    ("GET", "/hermes/events/", 404),
    ("GET", "/hermes/health", 404),
)


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


async def _ephemeral(gateway: RunningGateway) -> str:
    issued = await gateway.call("/events/sse-token", HEADER, method="POST")
    return str(json.loads(issued.body)["sse_token"])


def _own_code(reply: Message) -> str:
    """Return the code of the gateway's own refusal: those of the services have no request id."""
    problem = json.loads(reply.body)
    assert "request_id" in problem
    return str(problem["code"])


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


@pytest.mark.parametrize("credential", CREDENTIALS)
async def test_who_may_look_into_the_system(credential: str, flow: Flow) -> None:
    """A principal token in its header shows what a service tells of itself, and nothing else does."""
    query, fields, status = CREDENTIALS[credential]
    token = await _ephemeral(flow.gateway)
    fields = [(name, value.format(ephemeral=token)) for name, value in fields]
    for path, shown in LOOKS.items():
        reply = await flow.gateway.call(path + query.format(ephemeral=token), fields)
        assert (path, reply.status) == (path, status)
        assert (shown in json.loads(reply.body)) is (status == 200)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_looking_is_reading(method: str, flow: Flow) -> None:
    """Every method but GET, and HEAD with it, is refused by the gateway, whoever asks."""
    for path in LOOKS:
        for fields in (HEADER, ()):
            reply = await flow.gateway.call(path, fields, method=method)
            assert (reply.status, _own_code(reply)) == (405, "method_not_allowed")
        assert (await flow.gateway.call(path, HEADER, method="HEAD")).status == 200
        assert (await flow.gateway.call(path, (), method="HEAD")).status == 401


async def test_nothing_beside_can_be_reached(flow: Flow) -> None:
    """What services do for each other, health and streams included, has no route, however it is written."""
    for method, target, status in BESIDE:
        reply = await flow.gateway.call(target, HEADER, b'{"event_id": "a"}', method=method)
        code = {400: "bad_target", 404: "route_not_found"}[status]
        assert (target, reply.status, _own_code(reply)) == (target, status, code)


def test_only_looks_lead_behind_the_operator() -> None:
    """No other route leads to a service that checks no credential, and its check watches every one."""
    settings = load(FILE, {"VX11_TOKEN": TOKEN})
    hidden = [route for route in settings.routes if route.upstream in {"madre", "switch", "hermes"}]
    assert {route.path: route.methods for route in hidden} == dict.fromkeys(LOOKS, frozenset({"GET"}))
    assert not any(route.forward_credential for route in hidden)
    checked = {upstream.name for upstream in settings.upstreams if upstream.health_check is not None}
    assert checked == set(SERVICES)


def test_every_service_is_waited_for() -> None:
    """Each is alone, so one that is started anew costs its callers a moment and no 502."""
    settings = load(FILE, {"VX11_TOKEN": TOKEN})
    assert {upstream.retries.wait for upstream in settings.upstreams} == {5.0}


def test_looking_goes_on_without_the_operator() -> None:
    """VX11_OPERATOR_PROXY_ENABLED=0 closes nothing but what leads to the operator."""
    settings = load(FILE, {"VX11_TOKEN": TOKEN, "VX11_OPERATOR_PROXY_ENABLED": "0"})
    assert {route.path for route in settings.routes if route.enabled} == {*LOOKS, "/panel/*"}


def test_the_file_holds_no_secret() -> None:
    """Without VX11_TOKEN there is no stack, and a Redis is named by the environment."""
    with pytest.raises(ConfigError) as caught:
        load(FILE, {})
    assert {problem.path for problem in caught.value.problems} >= {"principals[0].token"}
    settings = load(FILE, {"VX11_TOKEN": TOKEN, "VX11_TOKEN_STORE": "redis://redis:6379/0"})
    assert settings.token_store.url is not None
    assert load(FILE, {"VX11_TOKEN": TOKEN}).token_store.url is None
    assert settings.admin_digest is None
