"""What counts as a change of a configuration, and what its outline gives away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tentaculo.config.loader import load_text
from tentaculo.config.outline import Changes, Difference, changes, outline_of
from tentaculo.config.settings import Settings

TOKEN = "Pr1ncipal-token-of-the-test"
SECRET = "the-gateways-own-secret"
TEXT = f"""
listen: 127.0.0.1:8000
principals:
  - {{name: alice, token: {TOKEN}, routes: ["*"]}}
  - {{name: bob, token: {TOKEN}-of-bob}}
upstreams:
  backend: {{servers: ['http://127.0.0.1:1'], credential: {{header: X-Own, value: {SECRET}}}}}
  other: http://127.0.0.1:2
  third: http://127.0.0.1:3
routes:
  - {{name: events, path: /events, upstream: backend, stream: {{}}}}
  - {{name: api, path: /api/*, upstream: other}}
  - {{name: third, path: /third, upstream: third}}
  - {{name: more, path: /more, upstream: backend}}
"""
NOTHING = Changes(Difference(), Difference(), Difference(), (), ())


def settings(*edits: tuple[str, str]) -> Settings:
    """Read the text, edited."""
    text = TEXT
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return load_text(text, source=Path("tentaculo.yaml"), environ={})


def found(*edits: tuple[str, str]) -> Changes:
    """Return what edits change."""
    return changes(outline_of(settings()), outline_of(settings(*edits)))


HARMLESS = {
    "nothing": [("", "")],
    "a comment": [("\nroutes:", "\n# of all\nroutes:")],
    "order of routes": [
        ("  - {name: api, path: /api/*, upstream: other}\n", ""),
        ("routes:\n", "routes:\n  - {name: api, path: /api/*, upstream: other}\n"),
    ],
    "another spelling": [
        ("{name: api, path: /api/*, upstream: other}", "{path: '/api/*', upstream: other, name: api}")
    ],
    "timeouts of a route": [("upstream: other}", "upstream: other, timeouts: {response: 5s}}")],
    "rate limit of a route": [("upstream: other}", "upstream: other, rate_limit: {rate: 5/s}}")],
    "a default written out": [("path: /api/*", "path: /api/*, access: header-token")],
}


@pytest.mark.parametrize("edits", HARMLESS.values(), ids=HARMLESS)
def test_harmless_edits(edits: list[tuple[str, str]]) -> None:
    """What a stream does not notice is no change of its route, and what means the same none at all."""
    difference = found(*edits)
    assert difference == NOTHING
    assert not difference


CHANGED = {
    "path": ("path: /events", "path: /other"),
    "upstream": ("upstream: backend, stream", "upstream: third, stream"),
    "options": ("stream: {}", "stream: {heartbeat: 1s}"),
    "fields": ("stream: {}", "stream: {}, response_headers: {set: {A: b}}"),
    "switched off": ("stream: {}", "stream: {}, enabled: false"),
    "maintenance": ("stream: {}", "stream: {}, maintenance: {body: later}"),
}


@pytest.mark.parametrize("edit", CHANGED.values(), ids=CHANGED)
def test_changed_route(edit: tuple[str, str]) -> None:
    """What its streams depend on changes a route."""
    difference = found(edit).routes
    assert difference == Difference(changed=("events",))
    assert difference.gone == ("events",)


def test_routes_that_come_and_go() -> None:
    """They are named by their old names where they go, and by their new ones where they come."""
    difference = found(
        ("{name: api, path: /api/*,", "{name: new, path: /new/*,"), ("name: events", "name: feed")
    ).routes
    assert difference == Difference(added=("new",), removed=("api",), renamed=(("events", "feed"),))
    assert difference.gone == ("api",)


def test_change_beside_a_renaming() -> None:
    """A new name with other doings is another route."""
    difference = found(("name: events, path: /events", "name: feed, path: /feed")).routes
    assert difference == Difference(added=("feed",), removed=("events",))


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (("127.0.0.1:1'", "127.0.0.1:3'"), Difference(changed=("backend",))),
        ((SECRET, "another-secret-of-the-gateway"), Difference(changed=("backend",))),
        (("127.0.0.1:3", "127.0.0.1:4"), Difference(changed=("third",))),
    ],
    ids=["server", "credential", "short"],
)
def test_upstreams(edit: tuple[str, str], expected: Difference) -> None:
    """Everything about an upstream but its name counts, and its routes are the same."""
    assert found(edit).upstreams == expected
    assert not found(edit).routes


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ((f"token: {TOKEN},", "token: An0ther-token-of-alice,"), Difference(changed=("alice",))),
        (('routes: ["*"]', 'routes: ["api"]'), Difference(changed=("alice",))),
        (("name: alice", "name: carol"), Difference(renamed=(("alice", "carol"),))),
        ((f"  - {{name: bob, token: {TOKEN}-of-bob}}\n", ""), Difference(removed=("bob",))),
    ],
    ids=["token", "routes", "name", "removed"],
)
def test_principals(edit: tuple[str, str], expected: Difference) -> None:
    """Tokens and routes are theirs; a name alone is told as such."""
    assert found(edit).principals == expected


@pytest.mark.parametrize(
    ("line", "keys", "fixed"),
    [
        ("listen: 127.0.0.1:8001", ("listen",), ()),
        ("admin: 127.0.0.1:9101\nlimits: {streams: 7}\ndrain: {time: 1s}", ("admin", "limits", "drain"), ()),
        ("trusted_peers: [10.0.0.0/8]", ("trusted_peers",), ()),
        ("admin: {address: 127.0.0.1:9100, token: the-admin-token}", ("admin_digest",), ()),
        ("log: {level: debug}", (), ("log",)),
        ("log: {sanitize: [pin]}", ("log.sanitize",), ()),
        ("log: {sanitize: [pin], level: debug}", ("log.sanitize",), ("log",)),
        ("token_store: redis://127.0.0.1/1", (), ("token_store",)),
    ],
    ids=["listen", "several", "peers", "admin-token", "log", "sanitize", "log-and-sanitize", "token-store"],
)
def test_other_keys(line: str, keys: tuple[str, ...], fixed: tuple[str, ...]) -> None:
    """They are told apart by whether a reload is enough."""
    edits = [
        ("listen: 127.0.0.1:8000", line if line.startswith("listen") else f"listen: 127.0.0.1:8000\n{line}")
    ]
    difference = found(*edits)
    assert (sorted(difference.keys), difference.fixed) == (sorted(keys), fixed)
    assert difference


def test_outline_gives_no_secret_away() -> None:
    """It holds digests, which are not those that are known elsewhere."""
    shown = repr(
        outline_of(settings(("listen:", "admin: {address: 127.0.0.1:9100, token: the-admin-token}\nlisten:")))
    )
    for secret in (TOKEN, SECRET, "the-admin-token"):
        assert secret not in shown
    for digest in (settings().principals[0].digests[0].hex(), f"token_sha256: {TOKEN}"):
        assert digest[:32] not in shown


def test_known_digests_are_taken_over() -> None:
    """With the configuration before at hand the outline is the same, and no equal route's made anew."""
    before, after = settings(), settings(("path: /api/*", "path: /new/*"))
    known = outline_of(before)
    assert outline_of(after, (before, known)) == outline_of(after)
    marked = replace(known, routes=dict.fromkeys(known.routes, "known"))
    taken = outline_of(after, (before, marked)).routes
    assert taken == {**marked.routes, "api": outline_of(after).routes["api"]}
