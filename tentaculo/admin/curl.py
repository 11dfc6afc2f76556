"""What `tentaculo issue` does: ask for a token, and write the curl line that opens a stream with it.

The line holds that ephemeral token, which is its purpose, and never the principal's.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from difflib import get_close_matches

from tentaculo.admin.client import Base, CallFailed, Reply, WrongUse, call, read_base
from tentaculo.admin.explaining import route_table
from tentaculo.config.settings import Address, Carry, EphemeralTokenSettings, RouteSettings, Settings
from tentaculo.errors import GatewayError
from tentaculo.relay.opening import cookie_name, token_cookie
from tentaculo.wire.target import parse_target

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}").fullmatch
_PATTERN = re.compile(r"[{*]").search
_GLOB = re.compile(r"[][{}]").search
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not listened on
_REFUSALS = {
    401: "The gateway refuses this token.",
    403: "The gateway knows this token, but its principal may not open {route}, or is blocked.",
    404: "The gateway at {base} has no issue path {path}: does it run this configuration?",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to ask for and where; `host` is the Host field, where it is not that of the gateway's URL."""

    route: RouteSettings
    terms: EphemeralTokenSettings
    base: Base
    host: str | None
    path: str


@dataclass(frozen=True, slots=True)
class Issued:
    """An ephemeral token, for how many seconds it is good, and the name of its cookie if it has one."""

    token: str
    seconds: int
    cookie: str = ""


def make_order(settings: Settings, name: str, *, gateway: str | None, path: str | None) -> Order:
    """Work out where the tokens of a route are; raises WrongUse.

    `gateway` is a URL, else it is where the configuration listens; `path` is the stream's, for a
    route that matches more than one.
    """
    route = _route(settings, name)
    if route.ephemeral_token is None:
        raise WrongUse(f"The gateway issues no tokens for {name}: its access is {route.access}.")
    base = read_base(gateway) if gateway else _own_base(settings.listen)
    host = _host(route, base)
    order = Order(route=route, terms=route.ephemeral_token, base=base, host=host, path=path or route.path)
    _check_path(settings, order)
    return order


def issue(order: Order, token: str) -> Issued:
    """Ask for an ephemeral token with a principal's; raises CallFailed."""
    fields = [_credential(order.route, token), *([("Host", order.host)] if order.host else [])]
    reply = call(order.base, "POST", order.terms.issue_path, fields)
    if reply.status != 200:
        raise CallFailed(_fault(order, reply))
    found = _issued(order, reply)
    if found is None:
        raise CallFailed(f"{order.base} answers without a token: does it run this configuration?")
    return found


def curl_line(order: Order, issued: Issued) -> str:
    """Return the command that opens the stream, quoted for a shell."""
    url = f"{order.base}{order.path}"
    words = ["curl", "--no-buffer"]
    if order.host:
        words += ["--header", f"Host: {order.host}"]
    if order.terms.carry is Carry.COOKIE:
        words += ["--cookie", f"{issued.cookie}={issued.token}"]
    elif order.terms.carry is Carry.HEADER:
        words += ["--header", ": ".join(_credential(order.route, issued.token))]
    else:
        url += f"?{order.terms.parameter}={issued.token}"
    return shlex.join([*words, *(["--globoff"] if _GLOB(url) else []), url])


def _route(settings: Settings, name: str) -> RouteSettings:
    routes = {route.name: route for route in settings.routes}
    if name in routes:
        return routes[name]
    near = get_close_matches(name, routes, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise WrongUse(f"There is no route {name}.{hint}")


def _own_base(listen: Address) -> Base:
    if listen.port == 0:
        raise WrongUse("The configuration leaves the port to the system: say where it is with --gateway URL.")
    host = _EVERY_ADDRESS.get(listen.host, listen.host)
    return Base("http", f"[{host}]" if ":" in host else host, listen.port)


def _host(route: RouteSettings, base: Base) -> str | None:
    if route.host is None or route.host == base.host:
        return None
    if not route.host.startswith("*."):
        return route.host
    if base.host.endswith(route.host.removeprefix("*")):
        return None
    raise WrongUse(f"{route.name} is for the hosts {route.host}: name one of them with --gateway URL.")


def _check_path(settings: Settings, order: Order) -> None:
    name, path = order.route.name, order.path
    if _PATTERN(path):
        raise WrongUse(
            f"{name} matches more than one path: say which with --path, one of {order.route.path}."
        )
    host = order.host or order.base.host
    try:
        target = parse_target(path, host)
        winner = route_table(settings).match(host, target.path, "GET")
    except GatewayError:
        winner = None
    if winner is not order.route or target.query is not None:
        raise WrongUse(f"{path} is no path of {name}, which takes {order.route.path}.")


def _credential(route: RouteSettings, token: str) -> tuple[str, str]:
    name = route.credential_headers[0]
    return name, f"Bearer {token}" if name.lower() == "authorization" else token


def _fault(order: Order, reply: Reply) -> str:
    if reply.status == 429:
        wait = reply.headers.get("Retry-After", "")
        when = f"in {wait} s" if wait.isdecimal() else "later"
        return f"This principal asks for too many tokens: try again {when}."
    if reply.code and reply.status in _REFUSALS:
        text = _REFUSALS[reply.status]
        return text.format(route=order.route.name, base=order.base, path=order.terms.issue_path)
    return f"{order.base} answers {reply.summary}."


def _issued(order: Order, reply: Reply) -> Issued | None:
    body = reply.json()
    if not isinstance(body, dict) or not isinstance(body.get("ttl_sec"), int):
        return None
    if order.terms.carry is not Carry.COOKIE:
        token = body.get("sse_token")
        good = isinstance(token, str) and _TOKEN(token)
        return Issued(str(token), body["ttl_sec"]) if good else None
    cookie = token_cookie(order.terms.issue_path)
    names = {cookie_name(cookie, secure=secure).decode() for secure in (True, False)}
    for line in reply.headers.get_all("Set-Cookie", []):
        name, _, value = line.partition(";")[0].strip().partition("=")
        if name in names and _TOKEN(value):
            return Issued(value, body["ttl_sec"], name)
    return None
