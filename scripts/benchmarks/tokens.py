"""`tokens`: what issuing and redeeming cost, in CPU time, in Redis round trips and through a whole gateway.

Starts a redis-server and a gateway of its own; the steps themselves are measured by `token_steps`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from scripts.benchmarks.cpu import read_usage
from scripts.benchmarks.features import count_total
from scripts.benchmarks.form import Form
from scripts.benchmarks.machine import available_cores, describe, free_ports, pin, share_cores
from scripts.benchmarks.peers import ASK_VERSION, TOKEN, TOKEN_HEADER
from scripts.benchmarks.processes import running
from scripts.benchmarks.report import page, table
from scripts.benchmarks.rounds import BenchFailed, blamed_on
from scripts.benchmarks.samples import Spread, spread
from scripts.benchmarks.stream_load import StreamPlan, press_streams, stream_backend
from scripts.benchmarks.tools import Say, find_debian, version

STEP_MICROSECONDS = 100.0
ROUND_TRIPS = 1.0
STEPS_SECONDS = 120
WARM_UP_SECONDS = 0.5
CONFIG = """\
listen: 127.0.0.1:{port}
admin: 127.0.0.1:{admin}
log: {{level: info, format: json}}

principals:
  - name: bench
    token: {token}
    issue_rate: {{rate: 1000000/s, burst: 1000000}}

upstreams:
  backend: http://127.0.0.1:{backend}

routes:
  - name: events
    path: /events
    upstream: backend
    access: ephemeral-token
    stream: {{}}
    ephemeral_token: {{issue_path: /token}}
"""
OPENED = r'^sse_streams_opened_total\{credential="ephemeral_token"\} (\S+)$'


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked for; `seconds` is the length of the load on the gateway."""

    seconds: int
    clients: int
    form: Form


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured, and the most that it may be; None only shows it."""

    name: str
    value: Spread
    unit: str
    at_most: float | None = None

    @property
    def met(self) -> bool:
        """Whether nothing is missing to the goal."""
        return self.at_most is None or self.value.median <= self.at_most


@dataclass(frozen=True, slots=True)
class Result:
    """A whole run."""

    machine: str
    version: str
    figures: tuple[Figure, ...]

    @property
    def met(self) -> bool:
        """Whether every goal is."""
        return all(figure.met for figure in self.figures)


def run(options: Options, say: Say) -> Result:
    """Measure and return everything; raises BenchFailed or ToolMissing."""
    redis = find_debian("redis-server", say)
    form = options.form
    with tempfile.TemporaryDirectory(prefix="tentaculo-bench-") as name, blamed_on("tokens"):
        folder, ports = Path(name), free_ports()
        say("measuring single steps")
        figures = step_figures(_measure_steps(form, redis, folder, next(ports)))
        say("opening streams through a gateway")
        figures += _measure_gateway(options, folder, (next(ports), next(ports), next(ports)))
    return Result(describe(), version([form.python, "-c", ASK_VERSION], form.folder), figures)


def step_figures(text: str) -> tuple[Figure, ...]:
    """Read what `token_steps` printed; raises BenchFailed where that is no measurement."""
    try:
        found = json.loads(text)
        times, trips = found["microseconds"], found["round_trips"]
        return (
            *(
                Figure(f"{step}, memory store", spread(times[step]), "μs CPU", STEP_MICROSECONDS)
                for step in ("issue", "redeem")
            ),
            *(
                Figure(f"{step}, Redis", spread([trips[step]]), "round trips", ROUND_TRIPS)
                for step in ("issue", "redeem")
            ),
        )
    except (ValueError, KeyError, TypeError):
        raise BenchFailed(f"token_steps printed no figures: {text[-500:]!r}") from None


def gateway_figures(cycles: int, cpu_seconds: float) -> tuple[Figure, ...]:
    """Return the figures of a load of `cycles` streams that were asked for, opened and left."""
    if not cycles or cpu_seconds <= 0:
        raise BenchFailed("the gateway did nothing")
    return (
        Figure("issue + open + close, gateway", spread([cycles / cpu_seconds]), "per CPU-second"),
        Figure("issue + open + close, gateway", spread([cpu_seconds / cycles * 1e6]), "μs CPU"),
    )


def as_markdown(result: Result, *, with_goals: bool) -> str:
    """Return the table: one row a figure."""
    rows = [
        [
            figure.name,
            f"{_shown(figure.value)} {figure.unit}",
            *([_goal(figure), _outcome(figure)] if with_goals else []),
        ]
        for figure in result.figures
    ]
    heads = ["step", "cost", *(["goal", "result"] if with_goals else [])]
    title = "## Tokens: 100,000 others in the memory store; Redis and gateway on this machine"
    about = f"{result.machine}. tentaculo: this tree, {result.version}."
    return page([title], [about], table(heads, rows))


def _measure_steps(form: Form, redis: str, folder: Path, port: int) -> str:
    options = {"port": str(port), "bind": "127.0.0.1", "save": "", "dir": str(folder)}
    command = [redis, *(word for name, value in options.items() for word in (f"--{name}", value))]
    steps = [form.python, "-m", "scripts.benchmarks.token_steps", f"--redis-port={port}"]
    cores = share_cores(available_cores())
    with running([*pin(cores.backend), *command], folder=folder, log=folder / "redis.log", port=port):
        done = subprocess.run(
            [*pin(cores.peer), *steps],
            cwd=form.folder,
            stdout=subprocess.PIPE,
            text=True,
            timeout=STEPS_SECONDS,
            check=False,
        )
    return done.stdout


def _measure_gateway(options: Options, folder: Path, ports: Sequence[int]) -> tuple[Figure, ...]:
    port, admin, backend = ports
    config = folder / "tokens.yaml"
    config.write_text(CONFIG.format(port=port, admin=admin, backend=backend, token=TOKEN))
    form, cores = options.form, share_cores(available_cores())
    command = [*pin(cores.peer), form.python, "-m", "tentaculo", "serve", "--config", str(config)]
    plan = StreamPlan(
        port=port, credential=f"{TOKEN_HEADER}: {TOKEN}", clients=options.clients, seconds=options.seconds
    )
    with running(command, folder=form.folder, log=folder / "gateway.log", port=port) as pid:
        cycles, cpu_seconds = asyncio.run(_press(plan, backend, pid))
        opened = _streams_opened(admin)
    if opened < cycles:
        raise BenchFailed(f"the gateway counted {opened:.0f} of {cycles} streams")
    return gateway_figures(cycles, cpu_seconds)


async def _press(plan: StreamPlan, backend: int, pid: int) -> tuple[int, float]:
    warm_up = StreamPlan(
        port=plan.port, credential=plan.credential, clients=plan.clients, seconds=WARM_UP_SECONDS
    )
    async with stream_backend(backend):
        await press_streams(warm_up)
        before = read_usage(pid)
        cycles = await press_streams(plan)
        return cycles, read_usage(pid).cpu_seconds - before.cpu_seconds


def _streams_opened(port: int) -> float:
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", "/metrics")
        return count_total(connection.getresponse().read().decode(), OPENED)


def _shown(value: Spread) -> str:
    style = ",.0f" if value.median >= 1000 else ",.2f"
    shown = f"{value.median:{style}}"
    return shown if value.low == value.high else f"{shown} ({value.low:{style}} to {value.high:{style}})"


def _goal(figure: Figure) -> str:
    return "none" if figure.at_most is None else f"≤ {figure.at_most:g}"


def _outcome(figure: Figure) -> str:
    if figure.at_most is None:
        return "shown only"
    return "met" if figure.met else "**not met**"
