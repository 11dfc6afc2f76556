"""The operators' side of HTTP: one call to a running gateway, its outcome as a sentence.

Uses no proxy and follows no redirect, or a token would reach someone else; certificates are verified.
It prints nothing, and none of its sentences holds a token.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from urllib.parse import quote, urlsplit

from tentaculo.errors import BadRequest
from tentaculo.wire.authority import split_authority

TIMEOUT_SECONDS = 10.0
LARGEST_REPLY = 64 * 1024

_REALM = 'Bearer realm="tentaculo admin"'
_NO_API = (
    "There is no admin API at {base}: that is not the admin listener, "
    "or the gateway's configuration has no admin token."
)
_CODE = re.compile(r"[a-z_]{1,64}").fullmatch
_PORTS = {"http": 80, "https": 443}


class CallFailed(Exception):
    """The call came to nothing; the text is one sentence for the user."""


class WrongUse(Exception):
    """What was asked for makes no sense; the text is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class Base:
    """Where a listener is reached; `host` keeps the brackets of an IPv6 address."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """The Host field."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `code` and `title` are those of its problem details, empty where it has none."""

    status: int
    headers: Message
    body: bytes

    @property
    def code(self) -> str:
        """The problem's code."""
        code = self._problem_text("code")
        return code if _CODE(code) else ""

    @property
    def summary(self) -> str:
        """The status with what the problem says, shown to people."""
        title = self._problem_text("title")
        said = title if title.isprintable() and len(title) < 200 else ""
        return f"{self.status} {self.code}".strip() + (f": {said}" if said else "")

    def json(self) -> object:
        """Return the body's JSON, None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def _problem_text(self, key: str) -> str:
        body = self.json()
        value = body.get(key) if isinstance(body, dict) else None
        return value if isinstance(value, str) else ""


def read_base(url: str) -> Base:
    """Return where a URL leads; raises WrongUse for one with more than scheme, host and port."""
    try:
        parts = urlsplit(url)
        host, port = split_authority(parts.netloc, _PORTS.get(parts.scheme))
    except (ValueError, BadRequest):
        host, port = "", None
    if port is None or parts.path.strip("/") or parts.query or parts.fragment or not url.isprintable():
        raise WrongUse("The URL must be http:// or https:// with a host and maybe a port, and nothing else.")
    return Base(parts.scheme, host, port)


def call(
    base: Base,
    method: str,
    path: str,
    fields: Sequence[tuple[str, str]] = (),
    *,
    largest: int = LARGEST_REPLY,
) -> Reply:
    """Make one call without a body; raises CallFailed where there is no answer.

    `fields` may name another Host; of the answer's body no more than the `largest` size is read.
    """
    connection = _connection(base)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in ({"Host": base.authority, "Content-Length": "0"} | dict(fields)).items():
            connection.putheader(name, value.encode("utf-8", "surrogateescape"))
        connection.endheaders()
        reply = connection.getresponse()
        return Reply(reply.status, reply.headers, reply.read(largest))
    except OSError as fault:
        raise CallFailed(f"{base} can't be reached: {_reason(fault)}.") from None
    except http.client.HTTPException:
        raise CallFailed(f"{base} does not answer in HTTP.") from None
    finally:
        connection.close()


def authorized(token: str) -> list[tuple[str, str]]:
    """Return the fields that show the admin token."""
    return [("Authorization", f"Bearer {token}")]


def revoke(base: Base, token: str, principal: str, *, block: str | None = None) -> str:
    """Revoke a principal by the admin API; return the sentence that says what was done.

    `block` is a duration as in the configuration. Raises CallFailed, or WrongUse for too long a block.
    """
    query = "" if block is None else f"?block={quote(block, safe='')}"
    path = f"/principals/{quote(principal, safe='')}/tokens{query}"
    reply = call(base, "DELETE", path, authorized(token))
    if reply.status == 400 and block is not None:
        raise WrongUse(f"The admin API does not take --block {block}: it is 720h at most.")
    if reply.status != 200 or not _confirms(reply, principal):
        raise CallFailed(_revoke_fault(base, principal, reply))
    own = "its own token still works" if block is None else f"its own token is refused for {block}"
    return f"Revoked {principal}: its streams and ephemeral tokens end on every instance; {own}."


def _confirms(reply: Reply, principal: str) -> bool:
    body = reply.json()
    return isinstance(body, dict) and body.get("principal") == principal


def _revoke_fault(base: Base, principal: str, reply: Reply) -> str:
    if reply.code == "token_store_unavailable":
        return (
            "The token store does not answer, so nobody knows whether anything was revoked: "
            "run the command again when it is back."
        )
    return fault(base, reply, f"The gateway at {base} knows no principal {principal}.")


def fault(base: Base, reply: Reply, unknown: str) -> str:
    """Return the sentence for an answer of no use; `unknown` is that where what was named is not there."""
    if reply.status == 401 and reply.headers.get("WWW-Authenticate") == _REALM:
        return f"The admin API at {base} refuses the admin token."
    if reply.code == "route_not_found":
        return unknown if _is_admin_api(base) else _NO_API.format(base=base)
    return f"{base} answers {reply.summary}; is it the admin listener?"


def _is_admin_api(base: Base) -> bool:
    # The API tells a caller without a token nothing but whether there is one: 401, or 404 where it is off.
    asked = call(base, "DELETE", "/principals/-/tokens")
    return asked.headers.get("WWW-Authenticate") == _REALM


def _connection(base: Base) -> http.client.HTTPConnection:
    host = base.host.strip("[]")
    if base.scheme == "http":
        return http.client.HTTPConnection(host, base.port, timeout=TIMEOUT_SECONDS)
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # the default is the system's, and may be any
    return http.client.HTTPSConnection(host, base.port, timeout=TIMEOUT_SECONDS, context=context)


def _reason(fault: OSError) -> str:
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({fault.verify_message})"
    if isinstance(fault, ssl.SSLError):
        return "it does not speak TLS as it should"
    if isinstance(fault, TimeoutError):
        return f"no answer within {TIMEOUT_SECONDS:.0f} seconds"
    return fault.strerror or "the connection broke"
