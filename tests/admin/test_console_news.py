"""What is new to a console, and what it has heard already."""

from __future__ import annotations

import gc
import json
from typing import Any

from tentaculo.admin.console_news import News, Sources
from tentaculo.admin.figures import Figures
from tentaculo.telemetry.log_tap import LineQueue
from tests.admin.consoles import Consoles
from tests.admin.listing import ROUTES

NAMES = ["query", "rooms", "shared", "public", "late", "closed", "api"]


class Hearer:
    """Takes the news of one console, by name."""

    def __init__(self, consoles: Consoles, figures: Figures | None = None) -> None:
        self.lines = LineQueue()
        self.consoles = consoles
        relay = consoles.front.relay
        sources = Sources(relay, figures or Figures(relay, consoles._census), lambda: consoles.problems)
        self._news = News(sources, self.lines)

    async def hear(self, *, seconds: float = 0.0) -> dict[str, Any]:
        """Return what came, each name at most once, after some time."""
        self.consoles.front.clock.advance(seconds)
        events = await self._news.take()
        assert len({name for name, _ in events}) == len(events)
        return {name: json.loads(data) for name, data in events}


async def test_first(consoles: Consoles) -> None:
    """At once it hears the figures with the routes in their order, and the problems, even none."""
    consoles.configure(routes=ROUTES)
    heard = await Hearer(consoles).hear()
    assert list(heard) == ["figures", "problems"]
    assert heard["figures"]["routes"] == NAMES
    assert heard["problems"] == []


async def test_nothing_new(consoles: Consoles) -> None:
    """What it has heard it does not hear again."""
    hearer = Hearer(consoles)
    await hearer.hear()
    assert await hearer.hear() == {}
    heard = await hearer.hear(seconds=1)
    assert list(heard) == ["figures"]
    assert "routes" not in heard["figures"]


async def test_shared_figures(consoles: Consoles) -> None:
    """Consoles that open later get the figures of the same second, with the routes."""
    figures = Figures(consoles.front.relay, consoles._census)
    hearers = [Hearer(consoles, figures) for _ in range(3)]
    heard = [(await hearer.hear())["figures"] for hearer in hearers]
    assert heard[0] == heard[1] == heard[2]
    assert heard[0]["routes"] == ["query"]
    assert consoles.censuses == 1


async def test_problems(consoles: Consoles) -> None:
    """It hears of each change of the problems, their end included."""
    hearer = Hearer(consoles)
    await hearer.hear()
    for problems in (["t.yaml:1:1: one", "t.yaml:2:1: \u00e9"], ["t.yaml:1:1: other"], []):
        consoles.problems = problems
        assert await hearer.hear() == {"problems": problems}
        consoles.problems = list(problems)
        assert await hearer.hear() == {}


async def test_reloaded(consoles: Consoles) -> None:
    """It hears that a configuration took effect, and of the routes only where they are others."""
    hearer = Hearer(consoles)
    await hearer.hear()
    consoles.configure()
    assert await hearer.hear() == {"reloaded": {}}
    assert "routes" not in (await hearer.hear(seconds=1))["figures"]
    consoles.configure(routes=ROUTES)
    heard = await hearer.hear(seconds=1)
    assert (heard["reloaded"], heard["figures"]["routes"]) == ({}, NAMES)
    assert list(await hearer.hear(seconds=1)) == ["figures"]


async def test_keeps_no_configuration(consoles: Consoles) -> None:
    """An open console does not keep what was replaced."""
    hearer = Hearer(consoles)
    await hearer.hear()
    references = (hearer._news._snapshot, hearer._news._routes_of)
    consoles.configure()
    await consoles.front._snapshots.pop(0).aclose()
    gc.collect()
    assert [reference and reference() for reference in references] == [None, None]


async def test_log(consoles: Consoles) -> None:
    """Log events come as one array, at most 200 at a time."""
    hearer = Hearer(consoles)
    await hearer.hear()
    for number in range(450):
        hearer.lines.put(b'{"number":%d}\n' % number)
    batches = [(await hearer.hear())["log"] for _ in range(3)]
    assert [len(batch) for batch in batches] == [200, 200, 50]
    assert [event["number"] for batch in batches for event in batch] == list(range(450))
    assert await hearer.hear() == {}


async def test_long_log_events(consoles: Consoles) -> None:
    """Long ones come in smaller batches, so that one batch takes no long while to send."""
    hearer = Hearer(consoles)
    await hearer.hear()
    for _ in range(5):
        hearer.lines.put(b'"' + b"x" * 64 * 1024 + b'"\n')
    assert [len((await hearer.hear())["log"]) for _ in range(3)] == [2, 2, 1]
