"""The head of a request as an upstream gets it: built from the canonical target, never joined up."""

from __future__ import annotations

from tentaculo.access.principals import Principal
from tentaculo.relay.plan import RoutePlan
from tentaculo.wire.headers import RequestFields
from tentaculo.wire.target import Target

CHUNKED = b"Transfer-Encoding: chunked\r\n"
EXPECT_CONTINUE = b"Expect: 100-continue\r\n"


def request_head(
    plan: RoutePlan,
    method: str,
    target: Target,
    fields: RequestFields,
    *,
    host: bytes,
    framing: bytes,
    forwarding: bytes,
    principal: Principal | None,
    request_id: str,
) -> bytes:
    """Return a whole head with its empty line.

    `host` is the client's `Host` (empty where it sent none), `framing` and `forwarding` are lines
    that say how the body ends and who sent the request.
    """
    query = "" if target.query is None else f"?{target.query}"
    line = f"{method} {plan.rewritten(target.path)}{query} HTTP/1.1\r\nHost: "
    kept = b"".join(fields.kept)
    identity = b""
    if principal is not None and plan.identity_prefix is not None:
        identity = plan.identity_prefix + principal.name.encode() + b"\r\n"
    return b"".join(
        (
            line.encode(),
            plan.own_host or host or plan.authority,
            b"\r\n",
            kept,
            framing,
            forwarding,
            plan.request_lines,
            identity,
            b"X-Request-Id: ",
            request_id.encode(),
            b"\r\n\r\n",
        )
    )
