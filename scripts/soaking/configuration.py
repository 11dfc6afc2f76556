"""The file that a soak's gateway runs on, and how it is edited meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

CHURNERS = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """Ports, and the tokens of one soak."""

    port: int
    admin_port: int
    backend_port: int
    token: str = field(repr=False)
    admin_token: str = field(repr=False)


def churner_token(plan: Plan, number: int) -> str:
    """Return the principal token of one of those who issue and revoke."""
    return f"{plan.token}-churner-{number}"


def configuration(plan: Plan, edit: int) -> str:
    """Write the file as it is after so many edits: every one changes a route, adds one or takes it away."""
    often = "issue_rate: {rate: 1000/s, burst: 1000}"
    churners = "".join(
        f"  - {{name: churner-{number}, token: {churner_token(plan, number)}, {often}}}\n"
        for number in range(CHURNERS)
    )
    added = "  - {name: added, path: /added/*, upstream: backend, access: public}\n" if edit % 2 else ""
    return f"""
listen: 127.0.0.1:{plan.port}
admin: {{address: 127.0.0.1:{plan.admin_port}, token: {plan.admin_token}}}
log: {{level: warning, format: json}}
principals:
  - {{name: caller, token: {plan.token}}}
{churners}
upstreams:
  backend: {{servers: ['http://127.0.0.1:{plan.backend_port}'], breaker: {{open_for: 1s}}}}
routes:
  - {{name: calls, path: /*, upstream: backend}}
  - {{name: relayed, path: /events/relayed, upstream: backend, stream: {{heartbeat: 1s}}}}
  - name: shared
    path: /events/shared
    upstream: backend
    stream: {{shared: true, replay: {{events: 50, age: 1s}}}}
  - name: minted
    path: /events/minted
    upstream: backend
    access: ephemeral-token
    ephemeral_token: {{issue_path: /tokens/minted, ttl: 5s}}
    stream: {{}}
  - {{name: edited, path: /edited/*, upstream: backend, timeouts: {{response: {20 + edit % 7}s}}}}
{added}"""


def edit_file(file: Path, plan: Plan, edit: int) -> None:
    """Replace the file as editors do, or write it in place, in turn."""
    text = configuration(plan, edit)
    if edit % 3:
        fresh = file.with_suffix(".fresh")
        fresh.write_text(text)
        fresh.replace(file)
    else:
        file.write_text(text)
