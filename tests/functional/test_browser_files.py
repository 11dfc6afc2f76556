"""The browser client's files as pages get them from the main listener."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

import tentaculo
from tests.fakes.client import Fields, request, told
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.editing import REST, EditedGateway, edited
from tests.functional.running import GOOD, TOKEN, RunningGateway

FOLDER = Path(tentaculo.__file__).parent / "browser"
NAMES = ("event-source.js", "react.js")
VERSION = tentaculo.__version__
PATHS = {
    f"{folder}{name}": (name, caching)
    for name in NAMES
    for folder, caching in (
        ("/_tentaculo/", "public, max-age=3600"),
        (f"/_tentaculo/{VERSION}/", "public, max-age=31536000, immutable"),
    )
}
FILE = "/_tentaculo/event-source.js"
NOWHERE = {
    "other version": "/_tentaculo/0.0.0/event-source.js",
    "other file": "/_tentaculo/README.md",
    "types": "/_tentaculo/event-source.d.ts",
    "folder": "/_tentaculo/",
    "version's folder": f"/_tentaculo/{VERSION}/",
    "console": "/_tentaculo/console/index.html",
    "upper case": "/_tentaculo/Event-Source.js",
    "slash behind": f"{FILE}/",
    "two slashes": "/_tentaculo//event-source.js",
    "escaped slash": "/_tentaculo/%2fevent-source.js",
}
ANYWHERE = """
routes:
  - {name: everything, path: /*, upstream: backend, access: public, allow_in_path: ["%2f", "//"],
     rewrite: {replace: [/, /echo]}}
  - {name: hosts, path: /*, host: named.test, upstream: backend, access: public}
  - {name: segments, path: '/{a}/{b}', methods: [GET, OPTIONS], upstream: backend, access: public,
     rewrite: {replace: [/, /echo]}, cors: {origins: ['*']}}
"""


@pytest.fixture
async def gateway(start_gateway: StartGateway, upstream: ScriptedUpstream) -> RunningGateway:
    """A gateway whose routes would take every path."""
    return await start_gateway(configuration(upstream.port, routes=ANYWHERE))


@pytest.mark.parametrize(("path", "name", "caching"), [(path, *told_of) for path, told_of in PATHS.items()])
async def test_file(
    path: str, name: str, caching: str, gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    """Anyone gets it, for a page of any origin and as a script; only its version's path is for ever."""
    reply = await gateway.call(path, [("Origin", "https://app.test")])
    assert (reply.status, reply.complete) == (200, True)
    assert reply.body == (FOLDER / name).read_bytes()
    fields = {field: value for field, value in reply.head.fields if field not in ("ETag", "Connection")}
    assert fields == {
        "Content-Type": "text/javascript; charset=utf-8",
        "Content-Length": str(len(reply.body)),
        "Cache-Control": caching,
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "X-Content-Type-Options": "nosniff",
    }
    assert upstream.exchanges == []


@pytest.mark.parametrize("path", PATHS)
async def test_file_that_the_browser_has(path: str, gateway: RunningGateway) -> None:
    """It is not sent again, over the same connection, and may be kept for as long as before."""
    client = await gateway.client()
    await client.send(request("GET", path))
    whole = await client.reply()
    etag = str(whole.head.value("ETag"))
    for method in ("GET", "HEAD"):
        await client.send(request(method, path, [("If-None-Match", etag)]))
        reply = await client.reply(method)
        assert (reply.status, reply.body) == (304, b"")
        kept = ("ETag", "Cache-Control", "Access-Control-Allow-Origin", "Cross-Origin-Resource-Policy")
        assert [reply.head.value(name) for name in kept] == [whole.head.value(name) for name in kept]
        assert (reply.head.value("Content-Type"), reply.head.value("Content-Length")) == (None, None)
    await client.send(request("GET", path))
    assert (await client.reply()).body == whole.body


KNOWN: dict[str, tuple[list[str], int]] = {
    "weak": (["W/{}"], 304),
    "listed": (['"a", {} , "b"'], 304),
    "listed weak": (['"a",W/{}'], 304),
    "in the second field": (['"a"', "{}"], 304),
    "any": (["*"], 304),
    "another": (['"a"'], 200),
    "part of another": (["x{}"], 200),
    "without quotes": (["bare"], 200),
    "empty": ([""], 200),
    "none": ([], 200),
}


@pytest.mark.parametrize(("values", "status"), KNOWN.values(), ids=KNOWN)
async def test_condition(values: list[str], status: int, gateway: RunningGateway) -> None:
    """Entity tags are compared weakly, wherever in the list they stand."""
    etag = str((await gateway.call(FILE, ())).head.value("ETag"))
    texts = {"bare": etag.strip('"')}
    fields = [("If-None-Match", texts.get(value, value.format(etag))) for value in values]
    assert (await gateway.call(FILE, fields)).status == status


async def test_files_have_their_own_tags(gateway: RunningGateway) -> None:
    """A file has one entity tag at both its paths, and no other has it."""
    tags = {path: (await gateway.call(path, ())).head.value("ETag") for path in PATHS}
    assert len(set(tags.values())) == len(NAMES)
    assert tags[FILE] == tags[f"/_tentaculo/{VERSION}/event-source.js"]


async def test_head(gateway: RunningGateway) -> None:
    """HEAD tells the same without the body, and the connection goes on."""
    client = await gateway.client()
    await client.send(request("HEAD", FILE) + request("GET", FILE) + request("HEAD", FILE))
    first, whole, last = [await client.reply(method) for method in ("HEAD", "GET", "HEAD")]
    assert first.head == whole.head == last.head
    assert first.head.value("Content-Length") == str(len(whole.body))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("body", [b"", b"x" * 100], ids=["without-body", "with-body"])
async def test_other_methods(
    method: str, body: bytes, gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    """Files are only read, and no route takes what they don't."""
    reply = await gateway.call(FILE, (), body, method=method)
    assert (reply.status, reply.head.value("Allow")) == (405, "GET, HEAD")
    assert told(reply)["code"] == "method_not_allowed"
    assert upstream.exchanges == []


async def test_preflight_of_no_route(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """A route's CORS says nothing about the gateway's own paths."""
    fields = [("Origin", "https://app.test"), ("Access-Control-Request-Method", "GET")]
    assert (await gateway.call(FILE, fields, method="OPTIONS")).status == 405
    assert (await gateway.call("/_tentaculo/x", fields, method="OPTIONS")).status == 404
    assert (await gateway.call("/a/b", fields, method="OPTIONS")).status == 204
    assert upstream.exchanges == []


@pytest.mark.parametrize(
    ("version", "fields", "ends"),
    [
        ("1.0", [], True),
        ("1.0", [("Connection", "keep-alive")], False),
        ("1.1", [], False),
        ("1.1", [("Connection", "close")], True),
    ],
    ids=["1.0", "1.0-kept", "1.1", "1.1-closed"],
)
async def test_connection(version: str, fields: Fields, ends: bool, gateway: RunningGateway) -> None:
    """It is kept or closed as the client's version and wish have it, and the answer says so."""
    client = await gateway.client()
    await client.send(request("GET", FILE, fields, version=version))
    reply = await client.reply()
    assert (reply.status, reply.complete) == (200, True)
    assert reply.head.value("Connection") == ("close" if ends else "keep-alive")
    if ends:
        assert await client.ended()
    else:
        await client.send(request("GET", FILE, fields, version=version))
        assert (await client.reply()).body == reply.body


@pytest.mark.parametrize("path", NOWHERE.values(), ids=NOWHERE)
@pytest.mark.parametrize("host", ["gateway.test", "named.test"])
async def test_prefix_is_the_gateways(
    path: str, host: str, gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    """What is no file is not found, whatever the routes take: no backend can pose as the client's source."""
    reply = await gateway.call(path, [*GOOD, ("Host", host)])
    assert (reply.status, told(reply)["code"]) == (404, "route_not_found")
    assert upstream.exchanges == []


@pytest.mark.parametrize("path", ["/_tentaculo", "/_tentaculos/x", "/a/_tentaculo/event-source.js"])
async def test_other_paths_are_for_routes(
    path: str, gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    """The prefix ends with its slash, and stands at the beginning."""
    await gateway.call(path)
    assert [exchange.head.target for exchange in upstream.exchanges] == [f"/echo{path}"]


@pytest.mark.parametrize("word", ["null", "false"])
async def test_switched_off(word: str, start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Then the paths are like any others."""
    gateway = await start_gateway(
        configuration(upstream.port, routes=ANYWHERE, extra=f"browser_path: {word}\n")
    )
    await gateway.call(FILE)
    await gateway.call("/_tentaculo/x")
    assert [exchange.head.target for exchange in upstream.exchanges] == [f"/echo{FILE}", "/echo/_tentaculo/x"]


async def test_switched_off_without_routes(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Where no route takes them there is nothing."""
    routes = "routes:\n  - {name: echo, path: /echo, upstream: backend}\nbrowser_path: null\n"
    gateway = await start_gateway(configuration(upstream.port, routes=routes))
    assert (await gateway.call(FILE, ())).status == 404


async def test_escapes_of_plain_characters(gateway: RunningGateway) -> None:
    """A path is found in every spelling of it, with any query."""
    assert (await gateway.call("/%5ftentaculo/event%2Dsource.js?v=1", ())).status == 200


@pytest.mark.parametrize("path", [FILE, "/_tentaculo/x"])
async def test_no_secret_is_shown(path: str, gateway: RunningGateway) -> None:
    """What is presented counts for nothing, and is neither logged nor answered."""
    for fields in (GOOD, [*GOOD, *GOOD], [("Authorization", f"Bearer {TOKEN}"), ("Cookie", f"a={TOKEN}")]):
        reply = await gateway.call(f"{path}?token={TOKEN}", fields)
        assert reply.status == (200 if path == FILE else 404)
        assert TOKEN.encode() not in reply.head.raw + reply.body
    assert TOKEN not in gateway.logs.text
    assert TOKEN not in await gateway.metrics()


async def test_record(gateway: RunningGateway) -> None:
    """Files are logged and counted as a health check is; what is not found as every such request."""
    await gateway.call("/health", ())
    health = await gateway.logs.wait_for("request.finished")
    await gateway.call(FILE, [("If-None-Match", "*")])
    event = await gateway.logs.wait_for("request.finished", count=2)
    assert (event["status"], event["url"], event["bytes_out"] > 0) == (304, FILE, True)
    assert event.keys() == health.keys()
    assert (event["level"], health["level"]) == ("debug", "debug")
    await gateway.call("/_tentaculo/x", ())
    event = await gateway.logs.wait_for("request.finished", count=3)
    assert (event["level"], event["code"]) == ("info", "route_not_found")
    counted = r'tentaculo_requests_total\{.*route="-".*"%s"'
    assert [await gateway.metric(counted % status) for status in ("2xx", "3xx", "4xx")] == [1, 1, 1]


# While it runs.


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Callable[[str], Awaitable[EditedGateway]]]:
    """Start gateways from a file."""
    async with AsyncExitStack() as stack:

        async def begin(text: str) -> EditedGateway:
            gateway = EditedGateway(tmp_path / "tentaculo.yaml", text)
            stack.callback(gateway.check_log)
            stack.push_async_callback(gateway.stop)
            await gateway.start()
            return gateway

        yield begin


async def test_reload_moves_the_files(
    start: Callable[[str], Awaitable[EditedGateway]], upstream: ScriptedUpstream
) -> None:
    """An edit of browser_path holds from the next request on, also over connections from before."""
    gateway = await start(edited(upstream.port, REST))
    client = await gateway.client()

    async def status(path: str) -> int:
        await client.send(request("GET", path))
        return (await client.reply()).status

    assert [await status(path) for path in (FILE, "/own/event-source.js")] == [200, 401]
    assert (await gateway.edit(edited(upstream.port, REST, extra="browser_path: /own\n")))["event"] == (
        "config.reloaded"
    )
    paths = (FILE, "/own/event-source.js", f"/own/{VERSION}/react.js", "/own/x")
    assert [await status(path) for path in paths] == [401, 200, 200, 404]
    await gateway.edit(edited(upstream.port, REST, extra="browser_path: false\n"))
    assert [await status(path) for path in (FILE, "/own/event-source.js")] == [401, 401]
    rejected = await gateway.edit(edited(upstream.port, "{name: a, path: /_tentaculo/a, upstream: backend}"))
    gateway.errors_expected = True
    assert rejected["event"] == "config.rejected"
    assert await status(FILE) == 401


async def test_drain_lets_pages_load(gateway: RunningGateway) -> None:
    """A connection that is kept gets its file while the gateway stops, and is closed."""
    client = await gateway.client()
    await client.send(request("GET", "/health"))
    assert (await client.reply()).head.value("Connection") == "keep-alive"
    gateway.gateway._relay.drain()  # type: ignore[union-attr]
    await client.send(request("GET", FILE))
    reply = await client.reply()
    assert (reply.status, reply.head.value("Connection")) == (200, "close")
    assert reply.body == (FOLDER / "event-source.js").read_bytes()
    assert await client.ended()
