"""The switch: takes messages from madre's topics, and publishes them to others as its rules say.

What no rule fits goes to `dead-letter` with the reason.  A message is acknowledged only after it was
published: none is lost, one may come twice, and its `event_id` stays the same.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import uvloop
from aiohttp import web

from examples.vx11.bus_client import BusClient, MessageRefused, TakenMessage
from examples.vx11.problems import answer_problems, mark_response
from examples.vx11.rules import DEAD_LETTER, Rule, Rules, RulesError, load_rules
from examples.vx11.service import Service, stop_signals
from examples.vx11.taking import POLL_SECONDS, Taker

GROUP = "switch"
MADRE_URL = "http://127.0.0.1:8001"
RULES_FILE = Path(__file__).with_name("switch.yaml")

RULES_PATH = "/switch/rules"
COUNTS_PATH = "/switch/counts"
HEALTH_PATH = "/health"

_log = logging.getLogger("vx11.switch")


class Switch:
    """Routes what its bus gives for as long as its application runs, and tells what it did."""

    def __init__(self, rules: Rules, bus: BusClient) -> None:
        self._rules = rules
        self._bus = bus
        self._taker = Taker(bus, self._route_all)
        self._counts = Counter[str]()
        self._by_rule = Counter[int]()
        self._by_topic = Counter[str]()

    def app(self) -> web.Application:
        """Return the application that routes and answers."""
        app = web.Application(middlewares=[answer_problems])
        app.router.add_get(RULES_PATH, self.rules)
        app.router.add_get(COUNTS_PATH, self.counts)
        app.router.add_get(HEALTH_PATH, self.health)
        app.on_response_prepare.append(mark_response)
        app.cleanup_ctx.append(self._routing)
        return app

    async def rules(self, request: web.Request) -> web.Response:
        """Answer with the rules as they are in force."""
        rules = [_shown(rule) for rule in self._rules.rules]
        return web.json_response({"all": not self._rules.first_only, "rules": rules})

    async def counts(self, request: web.Request) -> web.Response:
        """Answer with what was done since the start: by kind, by rule in their order, by target."""
        by_rule = [self._by_rule[place] for place in range(len(self._rules.rules))]
        kinds = {kind: self._counts[kind] for kind in ("taken", "routed", "unroutable", "refused", "lost")}
        return web.json_response({**kinds, "rules": by_rule, "topics": dict(sorted(self._by_topic.items()))})

    async def health(self, request: web.Request) -> web.Response:
        """Answer that the process serves, whether or not madre does."""
        return web.json_response({"status": "ok"})

    async def route(self, message: TakenMessage) -> None:
        """Publish a message to where it belongs, however long madre is away."""
        self._counts["taken"] += 1
        places = self._rules.fitting(message.topic, message.body)
        self._by_rule.update(places)
        try:
            for place in places:
                await self._forward(message, self._rules.rules[place])
        except MessageRefused as refused:
            self._counts["refused"] += 1
            await self._bury(message, f"madre refused it: {refused}")
            return
        if places:
            self._counts["routed"] += 1
        else:
            self._counts["unroutable"] += 1
            await self._bury(message, "no rule fits it")

    async def _forward(self, message: TakenMessage, rule: Rule) -> None:
        body = {"event_id": _event_id(message), **message.body, **rule.changes}
        body["event_id"] = _event_id(message)
        for target in rule.targets:
            await self._publish(target, body, message.correlation_id)

    async def _bury(self, message: TakenMessage, reason: str) -> None:
        letter = {
            "event_id": _event_id(message),
            "reason": reason,
            "topic": message.topic,
            "message_id": message.message_id,
        }
        try:
            await self._publish(DEAD_LETTER, {**letter, "body": message.body}, message.correlation_id)
        except MessageRefused:
            await self._bury_without_body(letter, message.correlation_id)

    async def _bury_without_body(self, letter: Mapping[str, object], correlation_id: str) -> None:
        # Too large with what was added, or there is no room for the topic: it must not come again for ever.
        try:
            await self._publish(DEAD_LETTER, letter, correlation_id)
        except MessageRefused as refused:
            self._counts["lost"] += 1
            _log.error("a message of %s is lost: madre refused its dead letter: %s", letter["topic"], refused)

    async def _publish(self, topic: str, body: Mapping[str, object], correlation_id: str) -> None:
        await self._bus.keep_trying(partial(self._bus.publish, topic, body, correlation_id))
        self._by_topic[topic] += 1

    async def _routing(self, app: web.Application) -> AsyncIterator[None]:
        async with self._bus, self._taker.taking(self._rules.sources):
            yield

    async def _route_all(self, batch: Sequence[TakenMessage]) -> None:
        for message in batch:
            await self.route(message)


def build_switch(madre_url: str = MADRE_URL, rules: Rules | None = None, *, consumer: str = GROUP) -> Switch:
    """Return the service on the bus at `madre_url`, by default with the rules of RULES_FILE."""
    return Switch(rules or load_rules(RULES_FILE), BusClient(madre_url, GROUP, consumer, wait=POLL_SECONDS))


def _event_id(message: TakenMessage) -> object:
    # One that comes again must be known again, whoever published it without an id.
    return message.body.get("event_id") or f"{message.topic}:{message.message_id}"


def _shown(rule: Rule) -> dict[str, object]:
    when = {
        condition.field: {"prefix": condition.prefix}
        if condition.prefix is not None
        else list(condition.values)
        for condition in rule.conditions
    }
    return {"from": rule.source, "when": when, "to": list(rule.targets), "set": dict(rule.changes)}


async def _serve(service: Service) -> None:
    with stop_signals() as signalled:
        await service.start()
        host, port = service.address
        sys.stderr.write(f"The switch listens on {host}:{port}.\n")
        await signalled.wait()
    await service.stop()


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Route and serve alone until a signal comes; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m examples.vx11.switch", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8002, help="port to listen on (default: %(default)s)")
    arguments = parser.parse_args(argv)
    try:
        rules = load_rules(Path(environ.get("SWITCH_RULES") or RULES_FILE))
    except RulesError as error:
        return _fail(2, *error.problems)
    except OSError as error:
        return _fail(1, f"The file in SWITCH_RULES can't be read: {error.strerror}.")
    switch = build_switch(environ.get("MADRE_URL") or MADRE_URL, rules)
    try:
        uvloop.run(_serve(Service(switch.app(), arguments.host, arguments.port)))
    except OSError as error:
        return _fail(1, f"The switch can't listen: {error.strerror}.")
    return 0


def _fail(code: int, *sentences: str) -> int:
    for sentence in sentences:
        sys.stderr.write(f"{sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
