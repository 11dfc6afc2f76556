"""The routes that clients of others open streams on."""

from __future__ import annotations

from tests.functional.running import RunningGateway

EVENTS = """
routes:
  - {name: events, path: /events, upstream: backend, stream: {}}
"""


def token_events(terms: str = "", stream: str = "") -> str:
    """Write the same route as ephemeral tokens open it; both are the inside of YAML mappings."""
    return f"""
routes:
  - name: events
    path: /events
    upstream: backend
    access: ephemeral-token
    ephemeral_token: {{issue_path: /tokens/events, {terms}}}
    stream: {{{stream}}}
"""


TOKEN_EVENTS = token_events()


def url(gateway: RunningGateway, target: str = "") -> str:
    """Where a target is at this gateway."""
    return f"http://127.0.0.1:{gateway.port}{target}"
