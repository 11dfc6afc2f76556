"""The head of a request as an upstream gets it: built from the canonical target, never joined up."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from aiohttp.http import HttpVersion11

from tentaculo.access.principals import Principal
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.upload import Upload
from tentaculo.wire.headers import RequestFields
from tentaculo.wire.target import Target


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What an exchange decided about the request that it forwards.

    `forwarding` are the lines that say who sent it.
    """

    request: web.BaseRequest
    target: Target
    fields: RequestFields
    principal: Principal | None
    upload: Upload | None
    forwarding: bytes
    request_id: str

    def head(self, plan: RoutePlan) -> bytes:
        """Return the whole head, with the empty line."""
        pieces = [self._request_line(plan), plan.own_host or host_of(self.request) or plan.authority, b"\r\n"]
        pieces += self.fields.kept
        pieces += (self._framing(), self.forwarding, plan.request_lines)
        if self.principal is not None and plan.identity_prefix is not None:
            pieces += (plan.identity_prefix, self.principal.name.encode(), b"\r\n")
        pieces += (b"X-Request-Id: ", self.request_id.encode(), b"\r\n\r\n")
        return b"".join(pieces)

    def _request_line(self, plan: RoutePlan) -> bytes:
        path, query = plan.rewritten(self.target.path), self.target.query
        tail = "" if query is None else f"?{query}"
        return f"{self.request.method} {path}{tail} HTTP/1.1\r\nHost: ".encode()

    def _framing(self) -> bytes:
        headers, upload = self.request.headers, self.upload
        if upload is None:
            return b"Content-Length: 0\r\n" if "Content-Length" in headers else b""
        line = b"Transfer-Encoding: chunked\r\n"
        if not upload.chunked:
            line = b"Content-Length: %d\r\n" % int(headers["Content-Length"])
        expects = self.fields.expect and not upload.is_complete and self.request.version == HttpVersion11
        return line + b"Expect: 100-continue\r\n" if expects else line


def host_of(request: web.BaseRequest) -> bytes:
    """Return the `Host` field's bytes, empty where HTTP/1.0 sent none."""
    return request.headers.get("Host", "").encode()
