"""How often a route may be called, by whom, and what is remembered of callers."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tentaculo.access.rate_limits import GENERATION, MOST_FILLINGS, RateLimit, RateLimits, client_key
from tentaculo.config.settings import Rate, RateLimitSettings, RatePer, RouteSettings


def limit_of(
    rate: float = 2.0, burst: int = 5, per: RatePer = RatePer.CLIENT, *, shared: bool = False
) -> RateLimit:
    """Make the limit of one route."""
    settings = RateLimitSettings(rate=Rate(rate=rate, burst=burst), per=per)
    return RateLimit("api", settings, shared=shared)


def taken(limit: RateLimit, now: float, key: str = "a", most: int = 100) -> int:
    """How many permits there are at a time."""
    return next(count for count in range(most + 1) if not limit.take(key, now).allowed)


@pytest.mark.parametrize(
    ("seconds", "permits"),
    [(0.0, 0), (0.4, 0), (0.5, 1), (1.0, 2), (1.4, 2), (2.5, 5), (1e9, 5)],
    ids=["at once", "too early", "one", "two", "in between", "full", "never more"],
)
def test_bucket_fills_up_again(seconds: float, permits: int) -> None:
    """After its burst there are as many as its rate makes in that time, and never more than the burst."""
    limit = limit_of()
    assert taken(limit, 1000.0) == 5
    assert taken(limit, 1000.0 + seconds) == permits


@pytest.mark.parametrize("rate", [1 / 3600, 1 / 60, 10 / 60, 0.3, 1.0, 3.0, 1000.0])
@pytest.mark.parametrize("burst", [1, 7])
def test_retry_after(rate: float, burst: int) -> None:
    """It is never zero for a refused call; whoever waits so long is served, a second earlier nobody is."""
    limit = limit_of(rate, burst)
    assert taken(limit, 77.7) == burst
    seconds = limit.take("a", 77.7).retry_after
    assert seconds >= 1
    if seconds > 1:
        assert not limit.take("a", 77.7 + seconds - 1).allowed
    assert limit.take("a", 77.7 + seconds).allowed


def test_refusal_costs_nothing() -> None:
    """Whoever asks again and again is not served later for that."""
    limit = limit_of(1.0, 1)
    limit.take("a", 0.0)
    for tenth in range(1, 10):
        assert limit.take("a", tenth / 10).retry_after == 1
    assert limit.take("a", 1.0).allowed


@given(st.lists(st.floats(0, 3), max_size=60))
def test_no_more_than_rate_and_burst(pauses: list[float]) -> None:
    """However the calls are spread, there are never more than the burst and what time has made."""
    limit, now, served = limit_of(2.0, 3), 0.0, 0
    for pause in pauses:
        now += pause
        served += limit.take("a", now).allowed
    assert served <= 3 + 2.0 * now + 1e-6


def test_clock_that_goes_back_makes_no_permits() -> None:
    """Nor does one that stands."""
    limit = limit_of(1.0, 1)
    limit.take("a", 100.0)
    assert not limit.take("a", 50.0).allowed
    assert not limit.take("a", 100.0).allowed


def test_callers_have_buckets_of_their_own() -> None:
    """What one takes leaves the others theirs."""
    limit = limit_of()
    assert [taken(limit, 0.0, key) for key in ("a", "b", "a")] == [5, 5, 0]


def test_verdict() -> None:
    """It says how many more may come at once and when all may; of a refused call, when one may."""
    limit = limit_of(2.0, 3)
    found = [limit.take("a", 10.0) for _ in range(4)]
    assert [(verdict.allowed, verdict.remaining) for verdict in found] == [
        (True, 2),
        (True, 1),
        (True, 0),
        (False, 0),
    ]
    assert [(verdict.reset, verdict.retry_after) for verdict in found] == [(1, 0), (1, 0), (2, 0), (1, 1)]
    assert limit.take("a", 10.75).remaining == 0
    assert limit.take("a", 12.0).remaining == 2


@pytest.mark.parametrize(
    ("rate", "burst", "policy"),
    [
        (100.0, 200, "q=200;w=2"),
        (10 / 60, 10, "q=10;w=60"),
        (50.0, 50, "q=50;w=1"),
        (1000.0, 1, "q=1;w=1"),
        (1 / 3600, 3, "q=3;w=10800"),
    ],
)
def test_fields(rate: float, burst: int, policy: str) -> None:
    """Both fields name one policy, in whole seconds; a refusal names the same time as Retry-After."""
    limit = limit_of(rate, burst)
    first = limit.take("a", 5.0)
    assert dict(first.fields()) == {
        "RateLimit-Policy": f'"default";{policy}',
        "RateLimit": f'"default";r={burst - 1};t={first.reset}',
    }
    taken(limit, 5.0, most=1000)
    refused = limit.take("a", 5.0)
    assert refused.fields()[1] == ("RateLimit", f'"default";r=0;t={refused.retry_after}')


@pytest.mark.parametrize(
    ("per", "principal", "same", "other"),
    [
        (RatePer.ROUTE, "one", ("two", "192.0.2.9"), None),
        (RatePer.PRINCIPAL, "one", ("one", "192.0.2.9"), ("two", "192.0.2.7")),
        (RatePer.CLIENT, "one", ("two", "192.0.2.7"), ("one", "192.0.2.9")),
        (RatePer.PRINCIPAL, None, (None, "192.0.2.7"), (None, "192.0.2.9")),
    ],
    ids=["route", "principal", "client", "nobody"],
)
def test_who_counts_together(
    per: RatePer,
    principal: str | None,
    same: tuple[str | None, str],
    other: tuple[str | None, str] | None,
) -> None:
    """Calls of the route, of a principal wherever it is, or of an address whoever calls from there."""
    limit = limit_of(per=per)
    key = limit.key(principal, "192.0.2.7")
    assert limit.key(*same) == key
    if other is not None:
        assert limit.key(*other) != key


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.8", False),
        ("2001:db8:0:1::1", "2001:db8::1:ffff:ffff:ffff:ffff", True),
        ("2001:db8:0:1::1", "2001:0DB8:0:1:0:0:0:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.8", False),
        ("64:ff9b::192.0.2.7", "64:ff9b::192.0.2.8", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("::1", "::2", True),
        ("no:address", "no:address", True),
        ("no:address", "no:other", False),
        ("no:\0address", "no:other", False),
    ],
)
def test_clients(one: str, other: str, same: bool) -> None:
    """An IPv4 address is a client, also where it stands in IPv6; of IPv6 the first 64 bits are."""
    assert (client_key(one) == client_key(other)) is same


STEPS = st.tuples(st.sampled_from("abcdef"), st.sampled_from([0.0, 0.25, 0.5, 1.0, 4.0]))


@pytest.mark.parametrize("shared", [False, True])
@given(steps=st.lists(STEPS, max_size=120))
def test_forgetting_changes_no_verdict(shared: bool, steps: list[tuple[str, float]]) -> None:
    """Buckets are forgotten on the way, but only such as are full."""
    limit, now = limit_of(1.0, 4, shared=shared), 1000.0
    permits: dict[str, tuple[float, float]] = {}
    for key, pause in steps:
        now += pause
        left, at = permits.get(key, (4.0, now))
        left = min(4.0, left + now - at)
        verdict = limit.take(key, now)
        assert verdict.allowed == (left >= 1)
        permits[key] = (left - verdict.allowed, now)
        assert verdict.remaining == int(permits[key][0])


def test_who_went_away_is_forgotten() -> None:
    """Once buckets are full again, other calls let go of them, a few each."""
    limit = limit_of(1.0, 3)
    for number in range(1000):
        limit.take(f"gone {number}", 0.0)
    assert len(limit) == 1000
    sizes = []
    for call in range(1000):
        limit.take("here", 10.0 + call)
        sizes.append(len(limit))
    assert sizes[-1] <= 3
    assert max(before - after for before, after in pairwise(sizes)) <= 2


def test_no_more_is_remembered_than_so_many() -> None:
    """However many call at a time, some are remembered, the latest among them."""
    limit = limit_of(0.001, 1)
    for number in range(4 * GENERATION):
        limit.take(str(number), 1.0)
    assert len(limit) <= 3 * GENERATION
    assert not limit.take(str(4 * GENERATION - 1), 1.0).allowed
    assert not limit.take(str(3 * GENERATION), 1.0).allowed


# What instances share.


def test_taken_is_told_once() -> None:
    """Permits are counted by caller; refusals are not, nor is anything where nobody shares."""
    limit, alone = limit_of(shared=True), limit_of()
    for key in ("a", "b", *"aaaaaaaa"):
        limit.take(key, 1.0)
        alone.take(key, 1.0)
    assert limit.taken() == {"a": 5, "b": 1}
    assert limit.taken() == {}
    assert alone.taken() == {}


def test_taken_that_nobody_asks_for() -> None:
    """It does not grow for ever."""
    limit = limit_of(shared=True)
    for number in range(GENERATION + 10):
        limit.take(str(number), 1.0)
    assert len(limit.taken()) == GENERATION


def test_learning() -> None:
    """What others took is missing here; what was taken here meanwhile is missing too."""
    limit = limit_of(1.0, 5, shared=True)
    limit.take("a", 10.0)
    assert limit.taken() == {"a": 1}
    limit.take("a", 10.0)
    limit.learn("a", 13.0)  # three of five are taken, by all
    assert taken(limit, 10.0) == 1
    limit.learn("b", 12.0)
    assert taken(limit, 10.0, "b") == 3


def test_learning_of_less() -> None:
    """A store that lost what it knew gives nobody permits."""
    limit = limit_of(1.0, 5, shared=True)
    taken(limit, 10.0)
    limit.taken()
    limit.learn("a", 11.0)
    assert not limit.take("a", 10.0).allowed


def test_debt_is_remembered() -> None:
    """A bucket that others keep empty is not forgotten before it is full, whatever else is called."""
    limit = limit_of(1.0, 2, shared=True)
    limit.take("a", 0.0)
    limit.taken()
    limit.learn("a", 2.0 * MOST_FILLINGS)
    for second in range(2 * MOST_FILLINGS - 1):
        for number in range(5):
            limit.take(f"other {number}", float(second))
        assert not limit.take("a", float(second)).allowed
    assert limit.take("a", 2.0 * MOST_FILLINGS - 1).allowed


# All limits of a snapshot.


def route(name: str, rate: float | None = 1.0, per: RatePer = RatePer.ROUTE) -> RouteSettings:
    """Configure a route."""
    limit = None if rate is None else RateLimitSettings(rate=Rate(rate=rate, burst=1), per=per)
    return RouteSettings(name=name, path="/", upstream="backend", rate_limit=limit)


def test_limits_by_route() -> None:
    """A route without a limit has none."""
    limits = RateLimits([route("a"), route("b", None)])
    assert [limit.route for limit in limits] == ["a"]
    assert limits.of("b") is None
    assert limits.of("c") is None


def test_buckets_outlive_a_reload() -> None:
    """Limits that are as they were go on where they stand; others begin anew."""
    before = RateLimits([route("same"), route("rate"), route("per"), route("gone")])
    for limit in before:
        limit.take("", 1.0)
    after = RateLimits([route("same"), route("rate", 2.0), route("per", per=RatePer.CLIENT), route("new")])
    after.adopt(before)
    allowed = {limit.route: limit.take("", 1.0).allowed for limit in after}
    assert allowed == {"same": False, "rate": True, "per": True, "new": True}
    assert after.of("same") is before.of("same"), "calls under way count for both"
    shared = RateLimits([route("same")], shared=True)
    shared.adopt(before)
    assert shared.of("same") is not before.of("same")
