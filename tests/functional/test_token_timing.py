"""What a wrong token costs does not depend on how much of it is right, shown without a clock."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.redis_server import RedisServer
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, TOKEN
from tests.functional.tokens import BROWSER, issue, refusal, sample, stream_route, token_configuration

REDEEMS = 'tentaculo_token_store_seconds_count{step="redeem"}'


def nearly(token: str, right: int) -> str:
    """Return another token of the same form whose first characters are right."""
    wrong = "".join("-" if c == "-" else "0123456789abcdef"[15 - int(c, 16)] for c in token)
    mixed = token[:right] + wrong[right:]
    # A UUID of version 4, or it is refused by its form.
    return mixed[:14] + "4" + mixed[15:19] + token[19] + mixed[20:]


def digests_asked(lines: str) -> list[str]:
    """The keys of tokens that Redis was asked for, in what MONITOR saw."""
    calls = [line for line in lines.splitlines() if '"EVAL' in line and "{tentaculo}:token:" in line]
    return [line.partition("{tentaculo}:token:")[2][:64] for line in calls]


class Monitor:
    """What Redis is asked, as it sees it."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(5)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("rb")
        self._socket.sendall(b"MONITOR\r\n")
        assert self._file.readline() == b"+OK\r\n"

    def until(self, server: RedisServer, mark: str) -> str:
        """Return everything up to a mark of the test's own."""
        server.command("ECHO", mark)
        lines = []
        while mark.encode() not in (line := self._file.readline()):
            lines.append(line)
        return b"".join(lines).decode()

    def close(self) -> None:
        """Stop looking."""
        self._file.close()
        self._socket.close()


@contextmanager
def monitored(server: RedisServer) -> Iterator[Monitor]:
    """Look at what Redis is asked for as long as the block."""
    monitor = Monitor(server.socket)
    try:
        yield monitor
    finally:
        monitor.close()


async def test_store_sees_digests_only(
    start_gateway: StartGateway, upstream: ScriptedUpstream, redis_server: RedisServer
) -> None:
    """Each wrong token is one look-up by its SHA-256, which tells nothing of how near the token was."""
    gateway = await start_gateway(token_configuration(upstream.port, store=f"'{redis_server.url}'"))
    token = (await issue(gateway)).token
    wrong = [nearly(token, right) for right in (0, 1, 8, 18, 24, 30, 35)]
    assert await refusal(gateway, f"/sse/events?token={wrong[0]}") == (
        401,
        "unauthorized",
    )  # the script is new
    with monitored(redis_server) as monitor:
        for each in wrong:
            assert await refusal(gateway, f"/sse/events?token={each}") == (401, "unauthorized")
        asked = digests_asked(monitor.until(redis_server, "all asked"))
    assert asked == [hashlib.sha256(each.encode()).hexdigest() for each in wrong]
    assert len(set(wrong)) == len(wrong)
    assert token not in wrong
    assert await sample(gateway, REDEEMS) == len(wrong) + 1


@pytest.mark.parametrize("carry", ["query", "header", "cookie"])
async def test_one_step_whatever_is_right(
    carry: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A wrong token costs one step of the store however it is carried; what has not its form, none."""
    gateway = await start_gateway(token_configuration(upstream.port, stream_route(terms=f"carry: {carry}")))
    issued = await issue(gateway)
    name = next((name for name in issued.cookies if "token" in name), "")
    token = issued.token or issued.cookies[name]
    for count, right in enumerate((0, 1, 8, 18, 30, 35), 1):
        value = nearly(token, right)
        fields = {
            "header": (("X-VX11-Token", value),),
            "cookie": (("Cookie", f"{name}={value}"),),
            "query": (),
        }
        target = f"/sse/events?token={value}" if carry == "query" else "/sse/events"
        assert await refusal(gateway, target, (*BROWSER, *fields[carry])) == (401, "unauthorized")
        assert await sample(gateway, REDEEMS) == count
    assert await refusal(gateway, f"/sse/events?token={token[:-1]}") == (401, "unauthorized")
    assert await sample(gateway, REDEEMS) == count


async def test_refusals_look_alike(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A token that never was, one that was used and one of another client have the same answer."""
    routes = [stream_route(), stream_route("single", terms="reuse: once")]
    gateway = await start_gateway(token_configuration(upstream.port, *routes))
    bound, used = await issue(gateway), await issue(gateway, "single")
    upstream.events.put_nowait(None)
    upstream.events.put_nowait(None)
    for issued in (bound, used):
        await gateway.call(issued.target, BROWSER)
    unknown = f"/sse/events?token={nearly(bound.token, 20)}"
    answers = []
    for target in (
        unknown,
        bound.target,
        used.target,
        used.target.replace("single", "events"),
        "/sse/events?token=",
    ):
        reply = await gateway.call(target, ())
        own = reply.head.value("X-Request-Id") or "-"
        answers.append((reply.head.raw + reply.body).decode().replace(own, "-"))
    assert len(set(answers)) == 1, answers
    reasons = [event["reason"] for event in gateway.logs.named("request.finished") if event["status"] == 401]
    assert reasons == [
        "token_unknown",
        "token_reused",
        "token_used",
        "token_for_other_route",
        "token_unknown",
    ]


@pytest.mark.parametrize("right", [1, 10, len(TOKEN) - 1])
async def test_principal_token_in_a_header(
    right: int, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A principal's token that is nearly right asks no store: its digest is looked up, and is not there."""
    gateway = await start_gateway(token_configuration(upstream.port))
    nearly_good = TOKEN[:right] + "~" * (len(TOKEN) - right)
    assert await refusal(gateway, "/sse/events", (("X-VX11-Token", nearly_good),)) == (401, "unauthorized")
    assert await sample(gateway, REDEEMS) == 0
    assert (await gateway.call("/sse/events", (*GOOD, *GOOD))).status == 400
