"""Edits of the file while calls and streams go on."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from tests.fakes.client import RawClient, request, told
from tests.fakes.gates import eventually
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartEdited, StartUpstream
from tests.functional.editing import EVENTS, OTHER, PRINCIPAL, REST, EditedGateway, edited
from tests.functional.running import GOOD, OTHER_TOKEN, TOKEN
from tests.functional.tokens import ADMIN, ADMIN_TOKEN

ANOTHER = f"{{name: another, token: {OTHER_TOKEN}}}"
AS_ANOTHER = (("X-VX11-Token", OTHER_TOKEN),)


async def goes_on(upstream: ScriptedUpstream, *streams: RawClient) -> None:
    """Check that each stream still gets events; which gets which is not known."""
    for number, _ in enumerate(streams):
        upstream.events.put_nowait(b"data: event %d\n\n" % number)
    for stream in streams:
        await stream.until(b"\n\n")


HARMLESS = {
    "renamed": (EVENTS.replace("name: events", "name: feed"), OTHER, REST),
    "reordered": (REST, OTHER, EVENTS),
    "rewritten": ("{stream: {  }, upstream: 'backend', path: '/sse/events', name: \"events\"}", OTHER, REST),
    "timeouts": (EVENTS.replace(", stream:", ", timeouts: {response: 7s}, stream:"), OTHER, REST),
    "rate limit": (EVENTS.replace(", stream:", ", rate_limit: {rate: 5/s}, stream:"), OTHER, REST),
    "beside another": (EVENTS, REST),
}


@pytest.mark.parametrize("routes", HARMLESS.values(), ids=HARMLESS)
async def test_streams_of_unchanged_routes(
    routes: tuple[str, ...], start_edited: StartEdited, upstream: ScriptedUpstream
) -> None:
    """They are not touched, whatever else is."""
    gateway = await start_edited(edited(upstream.port))
    stream = await gateway.open()
    assert (await gateway.edit(edited(upstream.port, *routes)))["event"] == "config.reloaded"
    assert gateway.gateway._relay is not None
    gateway.gateway._relay.end_removed()  # as after the grace
    await goes_on(upstream, stream)
    assert gateway.logs.named("stream.ended") == []


async def test_changed_upstream(
    start_edited: StartEdited, upstream: ScriptedUpstream, start_upstream: StartUpstream
) -> None:
    """Streams stay where they are; calls go to the new one at once, and nothing is kept to the old."""
    gateway = await start_edited(edited(upstream.port))
    stream = await gateway.open()
    assert (await gateway.call("/echo")).status == 200
    kept = next(one.wire for one in upstream.exchanges if one.path == "/echo")
    other = await start_upstream()
    assert (await gateway.edit(edited(other.port)))["upstreams_changed"] == ["backend"]
    assert (await gateway.call("/echo")).status == 200
    assert [exchange.path for exchange in other.exchanges] == ["/echo"]
    await eventually(kept.gone.is_set)
    await goes_on(upstream, stream)


async def test_warm_connections(start_edited: StartEdited, upstream: ScriptedUpstream) -> None:
    """Idle connections to an unchanged upstream are used after a reload."""
    gateway = await start_edited(edited(upstream.port))
    await gateway.call("/echo")
    await gateway.edit(edited(upstream.port, EVENTS, REST))
    await gateway.call("/echo")
    assert len(upstream.wires) == 1


async def test_call_on_its_way(start_edited: StartEdited, upstream: ScriptedUpstream) -> None:
    """It ends as it began, though its route is gone."""
    gateway = await start_edited(edited(upstream.port))
    client = await gateway.client()
    await client.send(request("GET", "/slow-head", GOOD))
    await upstream.next()
    await gateway.edit(edited(upstream.port, EVENTS))
    upstream.gates.open("head")
    assert (await client.reply()).status == 200
    await client.send(request("GET", "/echo", GOOD))
    assert (await client.reply()).status == 404


@pytest.mark.parametrize(
    "principals",
    [
        (ANOTHER,),
        (f"{{name: operator-ui, token: {TOKEN}-new}}", ANOTHER),
        (PRINCIPAL.replace("}", ", routes: [rest]}"), ANOTHER),
        (PRINCIPAL.replace("name: operator-ui", "name: operators"), ANOTHER),
    ],
    ids=["removed", "rotated", "not-allowed", "renamed"],
)
async def test_streams_of_who_may_not_any_more(
    principals: tuple[str, ...], start_edited: StartEdited, upstream: ScriptedUpstream
) -> None:
    """They end at once, and nobody else's."""
    gateway = await start_edited(edited(upstream.port, principals=(PRINCIPAL, ANOTHER)))
    theirs, other = await gateway.open(), await gateway.open(fields=AS_ANOTHER)
    await gateway.edit(edited(upstream.port, principals=principals))
    assert b"revoked" in await theirs.until(b"0\r\n\r\n")
    assert (await gateway.logs.wait_for("stream.ended"))["end_reason"] == "revoked"
    await upstream.exchanges[0].finished.wait()  # or it takes the event
    await goes_on(upstream, other)
    assert len(gateway.logs.named("stream.ended")) == 1


async def test_route_by_a_name_that_its_principal_may_not_use(
    start_edited: StartEdited, upstream: ScriptedUpstream
) -> None:
    """A new name may take a route away from a principal, though neither has changed otherwise."""
    who = (PRINCIPAL.replace("}", ", routes: [e*, rest]}"), ANOTHER)
    gateway = await start_edited(edited(upstream.port, principals=who))
    stream = await gateway.open()
    names = (EVENTS.replace("name: events", "name: feed"), OTHER.replace("name: other", "name: else"), REST)
    await gateway.edit(edited(upstream.port, *names, principals=who))
    assert b"revoked" in await stream.until(b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("routes", "principals", "status", "code"),
    [
        (
            ("{name: rest, path: /*, upstream: backend, response_headers: {set: {A: b}}}",),
            (PRINCIPAL,),
            503,
            "route_removed",
        ),
        ((REST,), (ANOTHER,), 401, "unauthorized"),
    ],
    ids=["route", "principal"],
)
async def test_stream_that_was_about_to_open(
    routes: tuple[str, ...],
    principals: tuple[str, ...],
    status: int,
    code: str,
    start_edited: StartEdited,
    upstream: ScriptedUpstream,
) -> None:
    """It does not open once its route or its principal is gone."""
    gateway = await start_edited(edited(upstream.port, REST))
    client = await gateway.client()
    await client.send(request("GET", "/late-sse", GOOD))
    await upstream.next()
    await gateway.edit(edited(upstream.port, *routes, principals=principals))
    upstream.gates.open("head")
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (status, code)
    assert gateway.logs.named("stream.opened") == []


async def test_bad_file(start_edited: StartEdited, upstream: ScriptedUpstream) -> None:
    """What was before goes on; log, metric and readiness tell, until the file is good again."""
    gateway = await start_edited(edited(upstream.port))
    gateway.errors_expected = True
    stream = await gateway.open()
    bad = edited(upstream.port).replace("upstream: backend", "upstream: missing")
    event = await gateway.edit(bad)
    assert event["event"] == "config.rejected"
    places = [problem.removeprefix(f"{gateway.file}:").split(" ", 1)[0] for problem in event["problems"]]
    assert places == ["8:3:", "10:49:", "11:47:", "12:38:"]
    assert await gateway.metric("tentaculo_config_rejected ") == 1
    ready = await gateway.admin("/ready")
    assert (ready.status, told(ready)) == (200, {"status": "ready", "config": "rejected"})
    assert (await gateway.call("/echo")).status == 200
    await goes_on(upstream, stream)
    assert (await gateway.edit(edited(upstream.port)))["event"] == "config.reloaded"
    assert await gateway.metric("tentaculo_config_rejected ") == 0
    assert told(await gateway.admin("/ready")) == {"status": "ready"}


async def test_reload_by_the_admin_api(start_edited: StartEdited, upstream: ScriptedUpstream) -> None:
    """It answers with what has changed, or what is wrong, and takes the admin token that counts now."""
    gateway = await start_edited(edited(upstream.port))
    gateway.errors_expected = True
    assert (await gateway.reload(())).status == 401
    reply = await gateway.reload()
    assert (reply.status, told(reply)["changes"]["routes"]["changed"]) == (200, [])
    await gateway.edit("nonsense")
    reply = await gateway.reload()
    assert (reply.status, len(told(reply)["problems"])) == (422, 1)
    await gateway.edit(edited(upstream.port, admin_token="the-new-admin-token"))
    assert (await gateway.reload()).status == 401
    assert (await gateway.reload([("Authorization", "Bearer the-new-admin-token")])).status == 200


async def test_secret_file(start_edited: StartEdited, upstream: ScriptedUpstream, tmp_path: Path) -> None:
    """A token's file is watched like the file that names it."""
    secret = tmp_path / "token"
    _write(secret, TOKEN)
    gateway = await start_edited(
        edited(upstream.port, principals=(f"{{name: operator-ui, token_file: {secret}}}",))
    )
    assert (await gateway.call("/echo")).status == 200
    _write(secret, OTHER_TOKEN)
    assert (await gateway.reported(1))["principals_changed"] == ["operator-ui"]
    assert (await gateway.call("/echo")).status == 401
    assert (await gateway.call("/echo", AS_ANOTHER)).status == 200


async def test_secret_file_that_comes_later(
    start_edited: StartEdited, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    """What a rejected file names is watched too: once it is there, all is read again."""
    secret = tmp_path / "late" / "token"
    gateway = await start_edited(edited(upstream.port))
    gateway.errors_expected = True
    secret.parent.mkdir()
    text = edited(upstream.port, principals=(PRINCIPAL, f"{{name: late, token_file: {secret}}}"))
    assert (await gateway.edit(text))["event"] == "config.rejected"
    _write(secret, OTHER_TOKEN)
    assert (await gateway.reported(2))["principals_added"] == ["late"]
    assert (await gateway.call("/echo", AS_ANOTHER)).status == 200


async def test_edit_before_the_start(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    """What is written between the reading and the watching is read."""
    gateway = EditedGateway(tmp_path / "tentaculo.yaml", edited(upstream.port))
    _write(gateway.file, edited(upstream.port, EVENTS, REST))
    try:
        await gateway.start()
        assert (await gateway.reported(1))["routes_removed"] == ["other"]
    finally:
        await gateway.stop()
    gateway.check_log()


async def test_names_that_the_outline_counts_by(
    start_edited: StartEdited, upstream: ScriptedUpstream
) -> None:
    """Streams count for their routes as those are called now, so that a comparison finds them."""
    gateway = await start_edited(edited(upstream.port))
    await gateway.open()
    await gateway.edit(edited(upstream.port, EVENTS.replace("name: events", "name: feed"), OTHER, REST))
    assert told(await gateway.admin("/configuration", ADMIN))["streams"] == {"feed": 1}


def _write(path: Path, text: str) -> None:
    path.write_text(text)


async def test_new_credential_header_is_a_secret_at_once(
    start_edited: StartEdited, upstream: ScriptedUpstream
) -> None:
    """Its value is masked wherever its name stands in the log."""
    gateway = await start_edited(edited(upstream.port))
    extra = "credential_headers: [X-New-Credential]\n"
    await gateway.edit(edited(upstream.port, extra=extra))
    digest = hashlib.sha256(b"x").hexdigest()
    await gateway.call(f"/echo?x-new-credential={digest}", [("X-New-Credential", TOKEN)])
    assert (await gateway.logs.wait_for("request.finished"))["status"] == 200
    assert digest not in gateway.logs.text
    assert TOKEN not in gateway.logs.text


async def test_limits_and_peers(start_edited: StartEdited, upstream: ScriptedUpstream) -> None:
    """They count from then on, for new connections and new streams."""
    gateway = await start_edited(edited(upstream.port))
    before = await gateway.client()
    extra = "trusted_peers: [127.0.0.1]\nlimits: {streams: 1}\n"
    await gateway.edit(edited(upstream.port, extra=extra))
    for client, address in ((before, "127.0.0.1"), (await gateway.client(), "192.0.2.1")):
        await client.send(request("GET", "/echo", [*GOOD, ("X-Forwarded-For", "192.0.2.1")]))
        assert (await client.reply()).status == 200
        assert gateway.logs.named("request.finished")[-1]["client"] == address
    await gateway.open()
    assert (await gateway.call("/sse/events")).status == 503


async def test_series_of_what_is_gone(start_edited: StartEdited, upstream: ScriptedUpstream) -> None:
    """They are shown until the last stream of a removed route has ended; a name that returns begins anew."""
    gateway = await start_edited(edited(upstream.port))
    assert await gateway.metric('tentaculo_streams_open{route="events"}') == 0
    stream = await gateway.open("/sse/other")
    assert (await gateway.call("/echo")).status == 200
    moved = edited(upstream.port, EVENTS, REST.replace("name: rest", "name: all")).replace("backend", "moved")
    await gateway.edit(moved)
    assert (await gateway.call("/echo")).status == 200  # or there is nothing to show of it
    assert await gateway.metric('tentaculo_streams_open{route="other"}') == 1
    await eventually(lambda: _is_told(gateway, "all", "moved", "other", "backend"))
    stream.leave()
    await eventually(lambda: _is_told(gateway, "all", "moved"))
    await gateway.edit(edited(upstream.port))
    assert (await gateway.call("/echo")).status == 200
    assert await gateway.metric('tentaculo_requests_total{method="GET",route="rest"') == 1


async def test_issue_rate(start_edited: StartEdited, upstream: ScriptedUpstream) -> None:
    """An edit gives no principal new permits; one of its own rate does."""
    access = "access: ephemeral-token, ephemeral_token: {issue_path: /token}"
    events = EVENTS.replace("stream: {}", f"{access}, stream: {{}}")

    def text(burst: int, *routes: str) -> str:
        slow = PRINCIPAL.replace("}", f", issue_rate: {{rate: 0.1/s, burst: {burst}}}}}")
        return edited(upstream.port, events, *routes, principals=(slow,))

    gateway = await start_edited(text(1))
    assert [(await gateway.call("/token", method="POST")).status for _ in range(2)] == [200, 429]
    await gateway.edit(text(1, REST))
    assert (await gateway.call("/token", method="POST")).status == 429
    await gateway.edit(text(2, REST))
    assert (await gateway.call("/token", method="POST")).status == 200


def _is_told(gateway: EditedGateway, *names: str) -> bool:
    """Whether of all these routes and upstreams just those have series."""
    told = gateway.gateway._metrics.exposition()[0].decode()
    known = ("rest", "all", "other", "backend", "moved")
    return [name for name in known if f'"{name}"' in told] == [name for name in known if name in names]


async def test_several_reloads_at_once(start_edited: StartEdited, upstream: ScriptedUpstream) -> None:
    """They come one after another, and each is answered."""
    gateway = await start_edited(edited(upstream.port))
    replies = await asyncio.gather(*(gateway.reload(ADMIN) for _ in range(5)))
    assert [reply.status for reply in replies] == [200] * 5
    assert len(gateway.reports) == 5


async def test_off_without_an_admin_token(start_edited: StartEdited, upstream: ScriptedUpstream) -> None:
    """Then nobody reloads by a call, and the file is watched all the same."""
    text = edited(upstream.port).replace(f", token: {ADMIN_TOKEN}", "")
    gateway = await start_edited(text)
    assert (await gateway.reload()).status == 404
    assert (await gateway.edit(f"{text}# edited\n"))["event"] == "config.reloaded"
