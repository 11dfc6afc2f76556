#!/usr/bin/env python3
"""Check the ephemeral tokens of a running stack: five checks, one line each, and no token in any of them.

Works on both modes of config/vx11.yaml and on every gateway whose paths it is told. Exit codes: 0 all passed,
1 something did not, 2 usage. An expired token is seen on a second path whose tokens live a second; with
`--slow` it waits for one that lives a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

ANSWER_SECONDS = 10.0
STILL_GOOD_SECONDS = 2.0
LIFE_SECONDS = 60
CLOCK_SECONDS = 0.1  # by so much two timers may differ

_DELEGATED = "/operator/api/events"
# issue path, stream path, issue path of tokens that live a second
MODES = {
    "delegated": (f"{_DELEGATED}/sse-token", f"{_DELEGATED}/stream", f"{_DELEGATED}/sse-token-short"),
    "gateway": ("/events/sse-token", "/events/stream", "/events/short/sse-token"),
}


class CheckFailed(Exception):
    """A check did not pass; the text says why and holds no token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to check: a stack's URL, its paths, and how a token travels."""

    base_url: str
    issue_path: str
    stream_path: str
    short_issue_path: str
    health_path: str
    header: str
    parameter: str
    slow: bool
    principal: str = field(repr=False)

    @property
    def credential(self) -> dict[str, str]:
        """The header that proves the principal."""
        bearer = "Bearer " if self.header.lower() == "authorization" else ""
        return {self.header: f"{bearer}{self.principal}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A token, when it came, its life in seconds and the path that it opens."""

    token: str = field(repr=False)
    at: float
    seconds: int
    endpoint: str


class Stack:
    """Calls to the stack."""

    def __init__(self, options: Options, session: aiohttp.ClientSession) -> None:
        self.options = options
        self._session = session

    async def get(self, path: str) -> int:
        """Return the status of a call without a token."""
        async with self._session.get(self._url(path), allow_redirects=False) as reply:
            return reply.status

    async def issue(self, path: str) -> Issued:
        """Issue a token."""
        call = self._session.post(self._url(path), headers=self.options.credential, allow_redirects=False)
        async with call as reply:
            _expect(reply.status == 200, f"POST {path} answers {reply.status}, not 200")
            _expect("no-store" in reply.headers.get("Cache-Control", ""), "the answer may be cached")
            try:
                body = await reply.json()
                return Issued(
                    token=str(body["sse_token"]),
                    at=asyncio.get_running_loop().time(),
                    seconds=int(body["ttl_sec"]),
                    endpoint=str(body["endpoint"]),
                )
            except (aiohttp.ContentTypeError, ValueError, KeyError, TypeError):
                raise CheckFailed(f"POST {path} answers without sse_token, ttl_sec and endpoint") from None

    async def open(self, path: str, token: str | None) -> int:
        """Open a stream with an ephemeral token, or with the principal's in its header; return the status.

        A stream must be one: of that type, and with a first line.
        """
        params = {} if token is None else {self.options.parameter: token}
        headers = {"Accept": "text/event-stream"} | (self.options.credential if token is None else {})
        url = self._url(path)
        async with self._session.get(url, params=params, headers=headers, allow_redirects=False) as reply:
            if reply.status == 200:
                _expect(reply.content_type == "text/event-stream", "the answer is no event stream")
                line = await reply.content.readline()
                _expect(line != b"", "the stream ends before its first line")
            reply.close()
            return reply.status

    def _url(self, path: str) -> str:
        return self.options.base_url.rstrip("/") + path


async def check_health(stack: Stack) -> None:
    """Health needs no token."""
    status = await stack.get(stack.options.health_path)
    _expect(status == 200, f"GET {stack.options.health_path} answers {status}, not 200")


async def check_issue(stack: Stack) -> None:
    """A principal gets a token, which is a UUID of version 4."""
    issued = await stack.issue(stack.options.issue_path)
    _expect(_is_uuid4(issued.token), "the token is no UUID of version 4")
    _expect(issued.seconds == LIFE_SECONDS, f"it lives {issued.seconds} s, not {LIFE_SECONDS}")
    path = stack.options.stream_path
    _expect(issued.endpoint == path, f"it is said to open another path than {path}")


async def check_stream(stack: Stack) -> None:
    """It opens the stream."""
    issued = await stack.issue(stack.options.issue_path)
    await _expect_opening(stack, stack.options.stream_path, issued.token, 200)


async def check_principal(stack: Stack) -> None:
    """So does the principal token, in its header."""
    await _expect_opening(stack, stack.options.stream_path, None, 200)


async def check_expiry(stack: Stack) -> None:
    """A token that nobody used is good after two seconds, and not after its life."""
    options = stack.options
    waiting = await stack.issue(options.issue_path)
    dying = await (stack.issue(options.issue_path) if options.slow else _issue_short(stack))
    await _wait_until(waiting.at + STILL_GOOD_SECONDS)
    await _expect_opening(stack, options.stream_path, waiting.token, 200, "two seconds after its issue")
    await _wait_until(dying.at + dying.seconds + CLOCK_SECONDS)
    await _expect_opening(stack, dying.endpoint, dying.token, 401, f"after its {dying.seconds} s")


async def _issue_short(stack: Stack) -> Issued:
    path = stack.options.short_issue_path
    try:
        fresh = await stack.issue(path)
    except CheckFailed as fault:
        hint = "a stack without a path that issues short-lived tokens is checked with --slow"
        raise CheckFailed(f"{fault}; {hint}") from None
    _expect(fresh.seconds < LIFE_SECONDS, f"tokens of {path} live {fresh.seconds} s")
    # Or one that never was good would pass for an expired one.
    await _expect_opening(stack, fresh.endpoint, fresh.token, 200, "at once")
    return await stack.issue(path)


CHECKS: tuple[tuple[str, Callable[[Stack], Awaitable[None]]], ...] = (
    ("health answers without a token", check_health),
    ("a principal token gets an ephemeral one: a UUID, good for 60 s", check_issue),
    ("the ephemeral token opens the stream", check_stream),
    ("the principal token in its header opens the stream", check_principal),
    ("an unused token is good after 2 s, and refused once its life is over", check_expiry),
)


async def run(options: Options, say: Callable[[str], None]) -> bool:
    """Make every check, say how each went, and return whether all passed."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=ANSWER_SECONDS, sock_read=ANSWER_SECONDS)
    passed = 0
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        stack = Stack(options, session)
        for number, (title, check) in enumerate(CHECKS, 1):
            fault = await _fault(check, stack)
            passed += fault is None
            say(f"{number} {'pass' if fault is None else 'FAIL'}: {title}" + (f": {fault}" if fault else ""))
    say(f"{passed} of {len(CHECKS)} passed")
    return passed == len(CHECKS)


async def _fault(check: Callable[[Stack], Awaitable[None]], stack: Stack) -> str | None:
    try:
        await check(stack)
    except CheckFailed as fault:
        return str(fault)
    except (aiohttp.ClientError, OSError, ValueError) as fault:  # their texts hold URLs, and so tokens
        return f"no answer ({type(fault).__name__})"
    return None


async def _expect_opening(stack: Stack, path: str, token: str | None, status: int, when: str = "") -> None:
    seen = await stack.open(path, token)
    _expect(seen == status, f"GET {path} answers {seen}, not {status}{f', {when}' if when else ''}")


async def _wait_until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))


def _is_uuid4(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text and uuid.UUID(text).version == 4
    except ValueError:
        return False


def _expect(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - the fact itself
    if not holds:
        raise CheckFailed(otherwise)


def read_options(argv: Sequence[str] | None, environ: Mapping[str, str]) -> Options:
    """Read the command line; ends the process with a sentence where it can't be used."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n\n")[0],
        epilog="The principal token is read from --token-file, $VX11_TOKEN or the file $VX11_TOKEN_FILE.",
    )
    parser.add_argument("--base-url", default="http://127.0.0.1:8000", help="(default: %(default)s)")
    parser.add_argument(
        "--mode", choices=MODES, default="delegated", help="whose paths to check (default: %(default)s)"
    )
    parser.add_argument("--issue-path", metavar="PATH", help="instead of the mode's")
    parser.add_argument("--stream-path", metavar="PATH", help="instead of the mode's")
    parser.add_argument("--short-issue-path", metavar="PATH", help="instead of the mode's")
    parser.add_argument("--health-path", metavar="PATH", default="/health", help="(default: %(default)s)")
    parser.add_argument("--header", default="X-VX11-Token", help="credential header (default: %(default)s)")
    parser.add_argument("--parameter", default="token", help="query parameter (default: %(default)s)")
    parser.add_argument("--token-file", metavar="FILE", help="holds the principal token")
    parser.add_argument("--slow", action="store_true", help="wait until a token of 60 s expires")
    given = parser.parse_args(argv)
    issue, stream, short = MODES[given.mode]
    return Options(
        base_url=given.base_url,
        issue_path=given.issue_path or issue,
        stream_path=given.stream_path or stream,
        short_issue_path=given.short_issue_path or short,
        health_path=given.health_path,
        header=given.header,
        parameter=given.parameter,
        slow=given.slow,
        principal=_read_principal(parser, given.token_file, environ),
    )


def _read_principal(parser: argparse.ArgumentParser, file: str | None, environ: Mapping[str, str]) -> str:
    token = "" if file else environ.get("VX11_TOKEN", "")
    file = file or environ.get("VX11_TOKEN_FILE")
    if not token and file:
        try:
            token = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            parser.error(f"{file} can't be read")
    if not token:
        parser.error("set VX11_TOKEN to the principal token, or name its file with --token-file")
    return token


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Check, print, and return the exit code."""
    options = read_options(argv, environ)
    return 0 if asyncio.run(run(options, lambda line: print(line, flush=True))) else 1


if __name__ == "__main__":
    sys.exit(main())
