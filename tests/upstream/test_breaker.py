"""The breaker of a server: when it opens, whom it lets through, and how it closes."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tentaculo.config.upstream_settings import BreakerSettings
from tentaculo.upstream.breaker import JITTER, LONGEST_SECONDS, Breaker, Outcome
from tests.fakes.clock import Clock

FAULTS = 3
PAUSE = 10.0


class Watched:
    """A breaker with a movable clock; `changes` are its openings and closings, `chance` its jitter."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.chance = 0.0
        self.changes: list[bool] = []
        rules = BreakerSettings(faults=FAULTS, open_for=PAUSE)
        self.breaker = Breaker(rules, self.clock, lambda: self.chance, self.changes.append)

    def say(self, *outcomes: Outcome) -> None:
        """Carry exchanges, one after another."""
        for outcome in outcomes:
            assert self.breaker.admits()
            self.breaker.done(outcome, self.breaker.begin())

    def open(self) -> None:
        """Let it open."""
        self.say(*[Outcome.FAULT] * FAULTS)
        assert self.breaker.is_open


@pytest.fixture
def watched() -> Watched:
    """A breaker that was just made."""
    return Watched()


def test_fresh_breaker_is_closed(watched: Watched) -> None:
    """Nothing is held against a server of which nothing is known."""
    breaker = watched.breaker
    assert breaker.admits()
    assert breaker.is_calm
    assert not breaker.is_open
    assert not breaker.is_half_open
    assert breaker.wait() == 0


@pytest.mark.parametrize("fault", [Outcome.FAULT, Outcome.AWAY])
def test_faults_in_a_row_open_it(fault: Outcome, watched: Watched) -> None:
    """The last of so many opens it, whatever it was."""
    watched.say(*[fault] * (FAULTS - 1))
    assert not watched.breaker.is_open
    assert not watched.breaker.is_calm
    watched.say(fault)
    assert watched.breaker.is_open
    assert not watched.breaker.admits()
    assert (watched.breaker.faults, watched.changes) == (FAULTS, [True])


def test_a_success_between_begins_the_row_again(watched: Watched) -> None:
    """Faults add up only as long as nothing succeeds."""
    for _ in range(4):
        watched.say(*[Outcome.FAULT] * (FAULTS - 1), Outcome.OK)
    assert watched.breaker.is_calm
    assert watched.changes == []


def test_what_says_nothing_counts_for_nothing(watched: Watched) -> None:
    """A client that leaves neither ends the row nor makes it longer."""
    watched.say(Outcome.FAULT, Outcome.NEUTRAL, Outcome.FAULT, *[Outcome.NEUTRAL] * 9)
    assert not watched.breaker.is_open
    watched.say(Outcome.FAULT)
    assert watched.breaker.is_open


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_open_admits_nobody_until_its_pause_is_over(chance: float, watched: Watched) -> None:
    """The pause is never shorter than configured, and up to a fifth longer by chance."""
    watched.chance = chance
    watched.open()
    pause = PAUSE * (1 + JITTER * chance)
    assert watched.breaker.wait() == pytest.approx(pause)
    watched.clock.advance(pause - 0.01)
    assert not watched.breaker.admits()
    assert not watched.breaker.is_half_open
    watched.clock.advance(0.02)
    assert watched.breaker.admits()
    assert watched.breaker.is_half_open


def test_trial_is_one(watched: Watched) -> None:
    """Once the trial has begun nobody else is admitted; its success closes the breaker."""
    watched.open()
    watched.clock.advance(PAUSE)
    turn = watched.breaker.begin()
    assert not watched.breaker.admits()
    assert watched.breaker.is_half_open
    watched.breaker.done(Outcome.OK, turn)
    assert watched.breaker.is_calm
    assert watched.breaker.admits()
    assert watched.changes == [True, False]


@pytest.mark.parametrize("fault", [Outcome.FAULT, Outcome.AWAY])
def test_failed_trials_double_the_pause(fault: Outcome, watched: Watched) -> None:
    """Each failed trial doubles it, up to five minutes; it is one opening all along."""
    watched.open()
    pauses = []
    for _ in range(8):
        watched.clock.advance(watched.breaker.wait())
        watched.say(fault)
        pauses.append(watched.breaker.wait())
    assert pauses == [20, 40, 80, 160, 300, 300, 300, 300]
    assert watched.changes == [True]


def test_pause_begins_anew_after_a_good_time(watched: Watched) -> None:
    """A server that was well for longer than its last pause is held back no longer than the first time."""
    watched.open()
    watched.clock.advance(PAUSE)
    watched.say(Outcome.FAULT)
    watched.clock.advance(2 * PAUSE)
    watched.say(Outcome.OK)
    watched.clock.advance(2 * PAUSE)
    watched.open()
    assert watched.breaker.wait() == PAUSE


def test_pause_goes_on_doubling_for_a_server_that_flaps(watched: Watched) -> None:
    """One that fails again soon after it came back is held back for longer than before."""
    watched.open()
    for pause in (20, 40, 80):
        watched.clock.advance(watched.breaker.wait())
        watched.say(Outcome.OK)
        watched.open()
        assert watched.breaker.wait() == pause


def test_trial_without_a_verdict_is_followed_by_another(watched: Watched) -> None:
    """A client that leaves in the middle of the trial gives the next exchange its place, at once."""
    watched.open()
    watched.clock.advance(PAUSE)
    watched.say(Outcome.NEUTRAL, Outcome.NEUTRAL, Outcome.OK)
    assert watched.breaker.is_calm


def test_slow_trial_is_joined_after_a_pause(watched: Watched) -> None:
    """A trial that says nothing for a whole pause does not block the way back; the first verdict stands."""
    watched.open()
    watched.clock.advance(PAUSE)
    first = watched.breaker.begin()
    watched.clock.advance(PAUSE - 1)
    assert not watched.breaker.admits()
    watched.clock.advance(1)
    second = watched.breaker.begin()
    assert not watched.breaker.admits()
    watched.breaker.done(Outcome.FAULT, first)
    assert watched.breaker.wait() == 2 * PAUSE
    watched.breaker.done(Outcome.OK, second)
    assert watched.breaker.is_open


@pytest.mark.parametrize("late", list(Outcome))
def test_what_began_before_is_no_news(late: Outcome, watched: Watched) -> None:
    """What an exchange of before the opening says changes nothing, neither now nor during the trial."""
    old = watched.breaker.begin()
    watched.open()
    watched.breaker.done(late, old)
    assert watched.breaker.wait() == PAUSE
    watched.clock.advance(PAUSE)
    trial = watched.breaker.begin()
    watched.breaker.done(late, old)
    assert watched.breaker.is_half_open
    watched.breaker.done(Outcome.OK, trial)
    watched.breaker.done(late, old)
    assert watched.breaker.is_calm


class TestAlone:
    """A server that no other stands in for."""

    @pytest.fixture
    def watched(self) -> Watched:
        """Make a breaker of a lone server."""
        watched = Watched()
        watched.breaker.alone = True
        return watched

    def test_refusals_never_open_it(self, watched: Watched) -> None:
        """A refused connection costs nothing: a server that starts anew is called as soon as it is back."""
        watched.say(*[Outcome.AWAY] * 100, Outcome.FAULT, Outcome.FAULT, Outcome.AWAY)
        assert not watched.breaker.is_open

    def test_other_faults_open_it(self, watched: Watched) -> None:
        """Calls that hang are not piled up before a lone server either; the pause does not grow."""
        watched.open()
        for _ in range(3):
            watched.clock.advance(PAUSE)
            watched.say(Outcome.FAULT)
            assert watched.breaker.wait() == PAUSE

    def test_good_check_ends_the_pause(self, watched: Watched) -> None:
        """The next call is the trial, one; a check during it lets in no other."""
        watched.breaker.check_passed()
        watched.open()
        assert not watched.breaker.admits()
        watched.breaker.check_passed()
        assert watched.breaker.is_open
        turn = watched.breaker.begin()
        watched.breaker.check_passed()
        assert not watched.breaker.admits()
        watched.breaker.done(Outcome.OK, turn)
        assert watched.breaker.is_calm

    def test_refused_trial_is_followed_by_another(self, watched: Watched) -> None:
        """Open, too, it does not wait for a server that only refuses."""
        watched.open()
        watched.clock.advance(PAUSE)
        watched.say(Outcome.AWAY, Outcome.AWAY, Outcome.OK)
        assert watched.breaker.is_calm


class Machine(RuleBasedStateMachine):
    """Exchanges that overlap in any way, with what must hold of them whatever they say."""

    def __init__(self) -> None:
        super().__init__()
        self.watched = Watched()
        self.breaker = self.watched.breaker
        self.in_hand: list[int] = []
        self.bad_news = 0
        self.closed_until = 0.0  # nobody may begin before this

    @rule(seconds=st.floats(0, 400), chance=st.floats(0, 0.99))
    def pass_time(self, seconds: float, chance: float) -> None:
        """Move the clock; what is drawn next changes too."""
        self.watched.clock.advance(seconds)
        self.watched.chance = chance

    @precondition(lambda self: self.breaker.admits())
    @rule()
    def begin(self) -> None:
        """Begin what is admitted; on an open breaker nobody else is, for a pause."""
        now = self.watched.clock()
        assert now >= self.closed_until
        if self.breaker.is_open:
            self.closed_until = now + PAUSE
        self.in_hand.append(self.breaker.begin())

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data(), outcome=st.sampled_from(Outcome))
    def end(self, data: st.DataObject, outcome: Outcome) -> None:
        """End any exchange in any way."""
        turn = self.in_hand.pop(data.draw(st.integers(0, len(self.in_hand) - 1)))
        was_open, news = self.breaker.is_open, turn == self.breaker.turn
        self.breaker.done(outcome, turn)
        if outcome is Outcome.OK and news:
            assert self.breaker.is_calm
            self.bad_news, self.closed_until = 0, 0.0
        elif outcome is Outcome.NEUTRAL:
            assert self.breaker.is_open is was_open
            self.closed_until = 0.0 if news else self.closed_until
        elif news:
            self.bad_news += 1
            if self.breaker.is_open:
                self.closed_until = self.watched.clock() + PAUSE

    @invariant()
    def opens_for_faults_alone(self) -> None:
        """It is open when there were so many faults in a row, and only then."""
        assert self.breaker.is_open is (self.bad_news >= FAULTS)

    @invariant()
    def closes_its_way_for_a_bounded_time(self) -> None:
        """Nobody waits for longer than the longest pause."""
        assert 0 <= self.breaker.wait() <= LONGEST_SECONDS * (1 + JITTER)
        assert self.breaker.admits() is (self.breaker.wait() == 0)

    @invariant()
    def tells_each_change_once(self) -> None:
        """Openings and closings take turns."""
        changes = self.watched.changes
        assert changes == [index % 2 == 0 for index in range(len(changes))]
        assert self.breaker.is_open is (changes[-1:] == [True])


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestMachine = Machine.TestCase
