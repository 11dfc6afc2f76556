"""The text that the stack shows when it is up: where it listens, and three commands that work when pasted."""

from __future__ import annotations

from examples.vx11.admission import CREDENTIAL_HEADER
from examples.vx11.operator import ISSUE_PATH, STATUS_PATH, STREAM_PATH

_TOKEN_FROM_JSON = r"""sed -n 's/.*"sse_token": *"\([^"]*\)".*/\1/p'"""
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def base_url(host: str, port: int) -> str:
    """Return the URL under which this machine reaches a listener on `host` and `port`."""
    host = _ANY_ADDRESS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def welcome(base: str, token: str, *, made: bool, panel: str | None = None) -> str:
    """Return the text; `token` is the principal token `made` for this run, or what a shell makes it of.

    `panel` is the URL of the EventsPanel, None where it is not built.
    """
    credential = f'-H "{CREDENTIAL_HEADER}: {token}"'
    issue = f"curl -s -X POST {credential} {base}{ISSUE_PATH}"
    lines = [f"The gateway listens on {base}, the stack's other services are behind it. Ctrl-C stops all."]
    if made:
        lines.append(f"VX11_TOKEN is not set, so this principal token was made for this run: {token}")
    if panel is not None:
        lines.append(f"The events in a browser, with the principal token: {panel}")
    lines += [
        "",
        "A call with the token:",
        f"  curl -s {credential} {base}{STATUS_PATH}",
        "Issue a token that opens the stream for 60 seconds:",
        f"  {issue}",
        "Watch the stream, opened with a fresh one:",
        f'  curl -N "{base}{STREAM_PATH}?token=$({issue} | {_TOKEN_FROM_JSON})"',
        "",
    ]
    return "\n".join(lines) + "\n"
