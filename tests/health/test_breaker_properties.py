from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.core.errors import Reason, UpstreamError
from gateway.health.breaker import BreakerPolicy, Breakers, State
from tests.clock import FrozenClock

ID = "openai/gpt"


class BreakerStory(RuleBasedStateMachine):
    """Whatever happens in whatever order, the promises below hold."""

    def __init__(self):
        super().__init__()
        self.clock = FrozenClock()
        self.policy = BreakerPolicy()
        self.breakers = Breakers(self.clock, Random(3), self.policy)
        self.heard = []
        self.breakers.listeners.append(self.heard.append)

    @rule(seconds=st.floats(0, 200))
    def wait(self, seconds):
        self.clock.advance(seconds)

    @rule()
    def ask(self):
        may = self.breakers.may_try(ID)
        assert self.breakers.try_acquire(ID) == may
        if self.breakers.state(ID) is State.HALF_OPEN:
            assert not self.breakers.may_try(ID)

    @rule()
    def ask_as_last_resort(self):
        assert self.breakers.try_acquire(ID, is_last_resort=True)

    @rule(times=st.integers(1, 6))
    def succeed(self, times):
        for _ in range(times):
            self.breakers.record(ID, None)

    @rule(
        reason=st.sampled_from(Reason),
        retry_after_s=st.none() | st.floats(-1, 1e9),
        times=st.integers(1, 6),
    )
    def fail(self, reason, retry_after_s, times):
        for _ in range(times):
            self.breakers.record(ID, UpstreamError(reason, "no", retry_after_s=retry_after_s))

    @rule()
    def cancel(self):
        self.breakers.release(ID)

    @invariant()
    def looking_is_consistent(self):
        state = self.breakers.state(ID)
        assert self.breakers.state(ID) is state
        if state is State.CLOSED:
            assert self.breakers.may_try(ID)
        if state is State.OPEN:
            assert not self.breakers.may_try(ID)
            assert self.breakers.reopens_in_s(ID) > 0
            assert self.breakers.reason(ID) is not None

    @invariant()
    def it_never_stays_out_for_good(self):
        longest_s = max(self.policy.max_retry_after_s, 300 * (1 + self.policy.jitter))
        assert self.breakers.reopens_in_s(ID) <= longest_s + 1e-6  # sums of floats

    @invariant()
    def changes_form_a_chain(self):
        state = State.CLOSED
        for change in self.heard:
            assert change.before is state
            assert change.after is not state
            state = change.after


TestBreakerStory = BreakerStory.TestCase
TestBreakerStory.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
