"""The YAML that most functional tests run on: one upstream behind every kind of route."""

from __future__ import annotations

from tests.functional.running import TOKEN

HEAD = """
listen: 127.0.0.1:0
admin: 127.0.0.1:0
log: {level: debug, format: json}
"""

PRINCIPALS = f"""
principals:
  - {{name: operator-ui, token: {TOKEN}}}
"""

ROUTES = """
routes:
  - {name: everything, path: /*, upstream: backend}
"""


def configuration(
    port: int,
    *,
    routes: str = ROUTES,
    limits: str = "",
    timeouts: str = "",
    extra: str = "",
    scheme: str = "http",
) -> str:
    """Fill in the upstream's port; `limits` and `timeouts` are the inside of a YAML flow mapping."""
    backend = (
        f"upstreams:\n  backend: {{servers: ['{scheme}://127.0.0.1:{port}'], timeouts: {{{timeouts}}}}}\n"
    )
    return f"{HEAD}limits: {{{limits}}}\n{PRINCIPALS}{backend}{routes}{extra}"
