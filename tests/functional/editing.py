"""A gateway whose file is edited while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tentaculo.config.loader import load
from tentaculo.gateway import Gateway
from tests.fakes.client import Fields, RawClient, request
from tests.fakes.gates import eventually
from tests.fakes.messages import Message
from tests.functional.running import GOOD, TOKEN, RunningGateway
from tests.functional.tokens import ADMIN, ADMIN_TOKEN

EVENTS = "{name: events, path: /sse/events, upstream: backend, stream: {}}"
OTHER = "{name: other, path: /sse/other, upstream: backend, stream: {}}"
REST = "{name: rest, path: /*, upstream: backend, cors: {origins: ['*']}}"
PRINCIPAL = f"{{name: operator-ui, token: {TOKEN}}}"
REPORTS = ("config.reloaded", "config.rejected")


def edited(
    port: int,
    *routes: str,
    principals: Sequence[str] = (PRINCIPAL,),
    listen: str = "127.0.0.1:0",
    admin: str = "127.0.0.1:0",
    admin_token: str = ADMIN_TOKEN,
    upstream: str = "",
    extra: str = "",
) -> str:
    """Write a file; `routes` and `principals` are YAML flow mappings, `upstream` is the inside of one."""
    listed = "".join(f"  - {route}\n" for route in routes or (EVENTS, OTHER, REST))
    holders = "".join(f"  - {principal}\n" for principal in principals)
    return f"""
listen: {listen}
admin: {{address: '{admin}', token: {admin_token}}}
log: {{level: debug, format: json}}
principals:
{holders}upstreams:
  backend: {{servers: ['http://127.0.0.1:{port}'], {upstream}}}
{extra}routes:
{listed}"""


class EditedGateway(RunningGateway):
    """A started gateway with its file."""

    def __init__(self, file: Path, text: str) -> None:
        write(file, text)
        super().__init__(text)
        self.file = file
        self.gateway = Gateway(load(file, {}), load=lambda: load(file, {}), log_sink=self.logs)

    async def start(self) -> None:
        """Listen, and watch the file."""
        await super().start()
        await self.admin("/live")

    @property
    def reports(self) -> list[dict[str, Any]]:
        """What was said of reloads."""
        return [event for event in self.logs.events if event["event"] in REPORTS]

    async def edit(self, text: str) -> dict[str, Any]:
        """Write the file, and return what is said of it."""
        before = len(self.reports)
        write(self.file, text)
        return await self.reported(before + 1)

    async def reported(self, count: int) -> dict[str, Any]:
        """Wait until so many reloads were reported; the last of them."""
        await eventually(lambda: len(self.reports) >= count)
        return self.reports[count - 1]

    async def reload(self, fields: Fields = ADMIN, *, method: str = "POST") -> Message:
        """Ask the admin listener to reload."""
        client = await RawClient.connect("127.0.0.1", self.admin_port)
        await client.send(request(method, "/reload", [*fields, ("Connection", "close")]))
        reply = await client.reply(method, 30)
        await client.aclose()
        return reply

    async def open(self, target: str = "/sse/events", fields: Fields = GOOD) -> RawClient:
        """Open a stream."""
        client = await self.client()
        await client.send(request("GET", target, fields))
        head = await client.head()
        assert head.status == 200, client.wire.seen
        return client


def write(file: Path, text: str) -> None:
    """Write in place."""
    file.write_text(text)


def swap(file: Path, text: str) -> None:
    """Write beside and put in the place: whoever reads meanwhile gets the one or the other."""
    beside = file.with_suffix(".new")
    beside.write_text(text)
    beside.rename(file)
