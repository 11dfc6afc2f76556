"""Tokens from their issue to their end, over a real store on a clock of the test's."""

from __future__ import annotations

import hashlib
import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tentaculo.access.ephemeral_tokens import EphemeralTokens, client_digest, digest, new_token
from tentaculo.access.store import (
    Client,
    Grant,
    Lease,
    Refusal,
    Revoked,
    Terms,
    TokenRefused,
    TokenStoreFull,
    TokenStoreUnavailable,
)
from tentaculo.config.settings import Reuse
from tentaculo.telemetry.metrics import Metrics
from tests.access.faulty_store import FaultyStore
from tests.fakes.clock import Clock

GRANT = Grant(principal="one", fingerprint="f", routes=("events",))
CLIENT = Client(binding=None, agent="a" * 64, address="b" * 64)
STRANGER = Client(binding=None, agent="c" * 64, address="d" * 64)
TERMS = Terms(ttl=60.0)


class Bench:
    """Tokens over a store, with what was counted and heard."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = FaultyStore(self.clock, max_tokens=2)
        self.metrics = Metrics(version="0")
        self.tokens = EphemeralTokens(self.store, self.metrics.tokens)
        self.revoked: list[str] = []
        self.ended: list[tuple[str, str]] = []

    async def start(self) -> None:
        """Begin to hear."""
        await self.tokens.start(self._heard)

    def _heard(self, revoked: Revoked) -> None:
        self.revoked.append(revoked.principal)

    async def issue(self, reuse: Reuse = Reuse.RESUME, max_streams: int = 1) -> bytes:
        """Issue a token."""
        terms = Terms(ttl=60.0, reuse=reuse, max_streams=max_streams)
        return (await self.tokens.issue(GRANT, terms)).encode()

    async def open(self, token: bytes, name: str = "stream") -> Lease:
        """Open a stream that notes its end under a name."""
        lease = (await self.tokens.redeem(token, "events", CLIENT)).lease
        assert lease is not None
        self.tokens.hold(lease, lambda reason: self.ended.append((name, reason)))
        return lease

    async def refusal(self, token: bytes, route: str = "events", client: Client = CLIENT) -> Refusal:
        """Return why a redeem fails."""
        with pytest.raises(TokenRefused) as caught:
            await self.tokens.redeem(token, route, client)
        return caught.value.reason

    def count(self, name: str, **labels: str) -> float | None:
        """Value of a series."""
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
async def bench() -> Bench:
    """Tokens that hear their store."""
    bench = Bench()
    await bench.start()
    return bench


# Texts and digests.


def test_new_tokens_are_random_uuids_of_version_4() -> None:
    """Each is another one, and says nothing."""
    tokens = {new_token() for _ in range(200)}
    assert len(tokens) == 200
    assert all(str(uuid.UUID(token)) == token and uuid.UUID(token).version == 4 for token in tokens)


def test_store_knows_digests_alone() -> None:
    """A token's digest is its SHA-256."""
    assert digest(b"abc") == hashlib.sha256(b"abc").digest()


@given(st.lists(st.binary(max_size=6), max_size=4), st.lists(st.binary(max_size=6), max_size=4))
def test_clients_are_told_apart(one: list[bytes], other: list[bytes]) -> None:
    """What moves from one part to the next makes another client."""
    assert (client_digest(*one) == client_digest(*other)) == (one == other)
    assert re.fullmatch("[0-9a-f]{64}", client_digest(*one))


# Issue and redeem.


async def test_token_opens_what_it_was_issued_for(bench: Bench) -> None:
    """It stands for its principal, and its age at the redeem is counted."""
    token = await bench.issue()
    bench.clock.advance(12.5)
    redeemed = await bench.tokens.redeem(token, "events", CLIENT)
    assert (redeemed.grant, redeemed.age) == (GRANT, 12.5)
    assert bench.count("ephemeral_tokens_issued_total") == 1
    assert bench.count("ephemeral_token_redeem_age_seconds_sum") == 12.5


async def test_store_holds_no_token(bench: Bench) -> None:
    """What the store keeps is good for nothing."""
    token = await bench.issue()
    assert list(bench.store._tokens) == [digest(token)]
    assert await bench.refusal(digest(token)) is Refusal.UNKNOWN
    assert await bench.refusal(digest(token).hex().encode()) is Refusal.UNKNOWN


async def test_token_maker_can_be_handed_in(bench: Bench) -> None:
    """Whoever tests or benchmarks chooses the tokens."""
    made = "11111111-1111-4111-8111-111111111111"
    tokens = EphemeralTokens(bench.store, bench.metrics.tokens, make_token=lambda: made)
    assert await tokens.issue(GRANT, TERMS) == made
    assert (await tokens.redeem(made.encode(), "events", CLIENT)).grant == GRANT


GOOD_FORM = "01234567-89ab-4def-8123-456789abcdef"
BAD_FORMS = {
    "empty": b"",
    "upper case": GOOD_FORM.upper().encode(),
    "version 1": GOOD_FORM.replace("-4", "-1").encode(),
    "variant": GOOD_FORM.replace("-8", "-c").encode(),
    "no hyphens": GOOD_FORM.replace("-", "").encode(),
    "braces": b"{%b}" % GOOD_FORM.encode(),
    "line end": GOOD_FORM.encode() + b"\n",
    "space": b" " + GOOD_FORM.encode(),
    "no text": b"\xff" * 36,
    "other digits": GOOD_FORM.replace("0", "\u0660").encode(),
    "huge": GOOD_FORM.encode() * 1000,
}


@pytest.mark.parametrize("token", BAD_FORMS.values(), ids=BAD_FORMS)
async def test_what_is_no_token_costs_the_store_nothing(token: bytes, bench: Bench) -> None:
    """It is unknown at once, even while the store is away."""
    bench.store.away = True
    assert await bench.refusal(token) is Refusal.UNKNOWN
    assert bench.store.taken == []
    assert bench.count("ephemeral_tokens_refused_total", reason="token_unknown") == 1


async def test_refusals_are_counted_by_reason(bench: Bench) -> None:
    """Each reason that the store has is passed on and counted."""
    once, bound = await bench.issue(Reuse.ONCE), await bench.issue()
    await bench.tokens.redeem(once, "events", CLIENT)
    await bench.tokens.redeem(bound, "events", CLIENT)
    found = [
        await bench.refusal(GOOD_FORM.encode()),
        await bench.refusal(once),
        await bench.refusal(bound, client=STRANGER),
        await bench.refusal(bound, route="other"),
    ]
    assert found == [Refusal.UNKNOWN, Refusal.USED, Refusal.REUSED, Refusal.OTHER_ROUTE]
    for reason in found:
        assert bench.count("ephemeral_tokens_refused_total", reason=reason.value) == 1


async def test_full_store_is_no_issue(bench: Bench) -> None:
    """A token that could not be kept is neither returned nor counted."""
    await bench.issue()
    await bench.issue()
    with pytest.raises(TokenStoreFull):
        await bench.issue()
    assert bench.count("ephemeral_tokens_issued_total") == 2


# Openings.


async def test_taken_over_stream_ends(bench: Bench) -> None:
    """The older one ends for a named reason, once; the newer one goes on."""
    token = await bench.issue()
    await bench.open(token, "old")
    await bench.open(token, "new")
    assert bench.ended == [("old", "superseded")]
    await bench.tokens.renew()
    assert bench.ended == [("old", "superseded")]


async def test_taken_over_elsewhere(bench: Bench) -> None:
    """A stream that another instance took over ends when the store tells."""
    token = await bench.issue()
    await bench.open(token)
    other = EphemeralTokens(bench.store, bench.metrics.tokens)
    await other.redeem(token, "events", CLIENT)
    assert bench.ended == [("stream", "superseded")]


async def test_lost_message_is_made_up_for(bench: Bench) -> None:
    """Where the store's message was lost, the next renewal tells."""
    token = await bench.issue()
    await bench.open(token)
    bench.store.loses_messages = True
    other = EphemeralTokens(bench.store, bench.metrics.tokens)
    await other.redeem(token, "events", CLIENT)
    assert bench.ended == []
    await bench.tokens.renew()
    assert bench.ended == [("stream", "superseded")]


async def test_streams_of_one_token_side_by_side(bench: Bench) -> None:
    """Where several may be open, none is taken over, and one too many is refused."""
    token = await bench.issue(max_streams=2)
    await bench.open(token, "one")
    await bench.open(token, "two")
    assert await bench.refusal(token) is Refusal.TOO_MANY
    assert bench.ended == []


async def test_renewed_lease_lasts(bench: Bench) -> None:
    """A stream that is renewed outlives its token's time, and holds its place."""
    token = await bench.issue(max_streams=1)
    await bench.open(token)
    for _ in range(30):
        bench.clock.advance(5)
        await bench.tokens.renew()
    await bench.open(token, "again")
    assert bench.ended == [("stream", "superseded")]


async def test_released_stream_is_renewed_no_more(bench: Bench) -> None:
    """With the last stream nothing is asked of the store any more; its grace runs."""
    token = await bench.issue()
    await bench.tokens.release(await bench.open(token))
    await bench.tokens.renew()
    assert "renew" not in bench.store.taken
    bench.clock.advance(31)
    assert await bench.refusal(token) is Refusal.EXPIRED


async def test_streams_live_without_the_store(bench: Bench) -> None:
    """While it is away nothing ends: renewals fail, a release is left to time."""
    token = await bench.issue()
    lease = await bench.open(token)
    bench.store.away = True
    with pytest.raises(TokenStoreUnavailable):
        await bench.tokens.renew()
    await bench.tokens.release(lease)
    assert bench.ended == []
    bench.store.away = False
    bench.clock.advance(5)
    await bench.tokens.redeem(token, "events", CLIENT)


async def test_store_that_is_away(bench: Bench) -> None:
    """Nothing is guessed: whoever asks is told."""
    token = await bench.issue()
    bench.store.away = True
    assert not await bench.tokens.is_available()
    with pytest.raises(TokenStoreUnavailable):
        await bench.tokens.issue(GRANT, TERMS)
    with pytest.raises(TokenStoreUnavailable):
        await bench.tokens.redeem(token, "events", CLIENT)
    with pytest.raises(TokenStoreUnavailable):
        await bench.tokens.revoke("one")
    with pytest.raises(TokenStoreUnavailable):
        await bench.tokens.expire()
    bench.store.away = False
    assert await bench.tokens.is_available()


# Ends.


async def test_revocation_is_told_and_ends_tokens(bench: Bench) -> None:
    """All that a principal was issued opens nothing more."""
    token = await bench.issue()
    await bench.tokens.revoke("one", block=60)
    assert bench.revoked == ["one"]
    assert await bench.refusal(token) is Refusal.REVOKED
    assert (await bench.store.standings(["one"]))["one"].blocked_for == 60


async def test_census_counts_what_expired(bench: Bench) -> None:
    """Tokens that nobody redeemed are counted once they are past, and let go."""
    await bench.issue()
    await bench.open(await bench.issue())
    assert await bench.tokens.expire() == await bench.store.census()
    assert bench.count("ephemeral_tokens_valid") == 2
    bench.clock.advance(61)
    await bench.tokens.expire()
    assert bench.count("ephemeral_tokens_valid") == 0
    assert bench.count("ephemeral_tokens_expired_total") == 1


async def test_closed_tokens_hear_nothing(bench: Bench) -> None:
    """After the end no stream is called back."""
    token = await bench.issue()
    await bench.open(token)
    await bench.tokens.close()
    await bench.store.redeem(digest(token), "events", CLIENT)
    await bench.tokens.revoke("one")
    assert (bench.ended, bench.revoked) == ([], [])
