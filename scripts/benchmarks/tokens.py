"""`tokens`: what issuing and redeeming cost, in CPU time, in Redis round trips and through a whole gateway.

Starts a redis-server and a gateway of its own; the steps themselves are measured by `token_steps`. What a
step may take at most is a row too, so that goals are ratios here as everywhere.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import subprocess
import tempfile
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path

from scripts.benchmarks.cpu import read_usage
from scripts.benchmarks.features import count_total
from scripts.benchmarks.figures import Column, Goal, Measurement, Result
from scripts.benchmarks.form import Form
from scripts.benchmarks.machine import available_cores, describe, free_ports, pin, share_cores
from scripts.benchmarks.options import Asked, Defaults, positive
from scripts.benchmarks.peers import ASK_VERSION, TOKEN, TOKEN_HEADER
from scripts.benchmarks.processes import running
from scripts.benchmarks.rounds import BenchFailed, blamed_on
from scripts.benchmarks.stream_load import StreamPlan, press_streams, stream_backend
from scripts.benchmarks.tools import Say, find_debian, version

NAME = "tokens"
HELP = "issuing ephemeral tokens, and opening and leaving streams with them"
DEFAULTS = Defaults(rounds=5, seconds=2, peers=("tentaculo",))
STEPS = ("issue", "redeem")
MEMORY, REDIS, GATEWAY = "tentaculo, memory store", "tentaculo, Redis", "tentaculo, whole gateway"
MOST = "the most allowed"
PER_CPU_SECOND = "issue + open + close per CPU-second"
CPU = "CPU of issue + open + close, μs"
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


def cpu_of(step: str) -> str:
    """Name the figure of a step's CPU time."""
    return f"CPU of {step}, μs"


def trips_of(step: str) -> str:
    """Name the figure of a step's round trips to Redis."""
    return f"round trips of {step}"


COLUMNS = (
    *(Column(cpu_of(step), ".2f") for step in STEPS),
    *(Column(trips_of(step), ".2f") for step in STEPS),
    Column(PER_CPU_SECOND),
    Column(CPU),
)
GOALS = (
    *(Goal(figure=cpu_of(step), subject=MEMORY, against=MOST, at_most=1.0) for step in STEPS),
    *(Goal(figure=trips_of(step), subject=REDIS, against=MOST, at_most=1.0) for step in STEPS),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be asked for."""
    parser.add_argument("--clients", type=positive, default=16, help="how many open streams at a time (16)")


def run(asked: Asked, say: Say) -> Sequence[Result]:
    """Measure steps and the gateway; raise BenchFailed or ToolMissing."""
    redis = find_debian("redis-server", say)
    with tempfile.TemporaryDirectory(prefix="tentaculo-bench-") as name, blamed_on(NAME):
        folder, ports = Path(name), free_ports()
        say("measuring single steps")
        figures = step_figures(_measure_steps(asked, redis, folder, next(ports)))
        say("opening streams through a gateway")
        figures += _measure_gateway(asked, folder, (next(ports), next(ports), next(ports)))
    result = Result(
        name=NAME,
        title="Tokens: 100,000 others in the memory store; Redis and gateway on this machine",
        machine=describe(),
        rows=(MEMORY, REDIS, GATEWAY, MOST),
        versions={
            "tentaculo": "this tree, " + version([asked.form.python, "-c", ASK_VERSION], asked.form.folder)
        },
        columns=COLUMNS,
        measurements=figures,
        goals=GOALS,
    )
    return (result,)


def step_figures(text: str) -> list[Measurement]:
    """Read what `token_steps` printed, a round for each batch; raise BenchFailed where it did not measure."""
    try:
        found = json.loads(text)
        times, trips = found["microseconds"], found["round_trips"]
        measured = [
            Measurement(row=MEMORY, round=number, figures=dict(zip(map(cpu_of, STEPS), batch, strict=True)))
            for number, batch in enumerate(zip(*(times[step] for step in STEPS), strict=True))
        ]
        counted = {trips_of(step): float(trips[step]) for step in STEPS}
    except (ValueError, KeyError, TypeError):
        raise BenchFailed(f"token_steps printed no figures: {text[-500:]!r}") from None
    most = dict.fromkeys(map(cpu_of, STEPS), STEP_MICROSECONDS) | dict.fromkeys(
        map(trips_of, STEPS), ROUND_TRIPS
    )
    bounds = [Measurement(row=MOST, round=one.round, figures=most) for one in measured]
    return [*measured, Measurement(row=REDIS, round=0, figures=counted), *bounds]


def gateway_figures(number: int, cycles: int, cpu_seconds: float) -> Measurement:
    """Return the figures of a load of `cycles` streams that were asked for, opened and left."""
    if not cycles or cpu_seconds <= 0:
        raise BenchFailed("the gateway did nothing")
    figures = {PER_CPU_SECOND: cycles / cpu_seconds, CPU: cpu_seconds / cycles * 1e6}
    return Measurement(row=GATEWAY, round=number, figures=figures)


def _measure_steps(asked: Asked, redis: str, folder: Path, port: int) -> str:
    form: Form = asked.form
    options = {"port": str(port), "bind": "127.0.0.1", "save": "", "dir": str(folder)}
    command = [redis, *(word for name, value in options.items() for word in (f"--{name}", value))]
    steps = [form.python, "-m", "scripts.benchmarks.token_steps", f"--redis-port={port}"]
    cores = share_cores(available_cores())
    with running([*pin(cores.backend), *command], folder=folder, log=folder / "redis.log", port=port):
        done = subprocess.run(
            [*pin(cores.peer), *steps, f"--batches={asked.rounds}"],
            cwd=form.folder,
            stdout=subprocess.PIPE,
            text=True,
            timeout=STEPS_SECONDS,
            check=False,
        )
    return done.stdout


def _measure_gateway(asked: Asked, folder: Path, ports: Sequence[int]) -> list[Measurement]:
    port, admin, backend = ports
    config = folder / "tokens.yaml"
    config.write_text(CONFIG.format(port=port, admin=admin, backend=backend, token=TOKEN))
    form, cores = asked.form, share_cores(available_cores())
    command = [*pin(cores.peer), form.python, "-m", "tentaculo", "serve", "--config", str(config)]
    plan = StreamPlan(
        port=port,
        credential=f"{TOKEN_HEADER}: {TOKEN}",
        clients=asked.own.clients,
        seconds=asked.seconds,
    )
    with running(command, folder=form.folder, log=folder / "gateway.log", port=port) as pid:
        rounds = asyncio.run(_press(plan, asked.rounds, backend, pid))
        opened, cycles = _streams_opened(admin), sum(cycles for cycles, _ in rounds)
    if opened < cycles:
        raise BenchFailed(f"the gateway counted {opened:.0f} of {cycles} streams")
    return [gateway_figures(number, *measured) for number, measured in enumerate(rounds)]


async def _press(plan: StreamPlan, rounds: int, backend: int, pid: int) -> list[tuple[int, float]]:
    async with stream_backend(backend):
        await press_streams(dataclasses.replace(plan, seconds=WARM_UP_SECONDS))
        return [await _press_once(plan, pid) for _ in range(rounds)]


async def _press_once(plan: StreamPlan, pid: int) -> tuple[int, float]:
    before = read_usage(pid)
    cycles = await press_streams(plan)
    return cycles, read_usage(pid).cpu_seconds - before.cpu_seconds


def _streams_opened(port: int) -> float:
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", "/metrics")
        return count_total(connection.getresponse().read().decode(), OPENED)
