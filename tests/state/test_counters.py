"""What only the counters in this process's memory can be asked."""

from __future__ import annotations

import pytest

from gateway.state.base import Claim, Rate, Refusal, Reservation, Slots, Spend
from gateway.state.counters import MAX_LATE, Counters
from tests.clock import FrozenClock


@pytest.fixture
def counters(clock: FrozenClock) -> Counters:
    return Counters(clock)


def one(id: str, key: str, rule, amount: int = 1) -> list[Reservation]:
    return [Reservation(id, (Claim(key, rule, amount),))]


@pytest.mark.parametrize("rule", [Rate(10), Slots(10), Spend(10, "hour")])
def test_counters_that_stand_as_new_ones_would_are_forgotten(counters, clock, rule):
    for number in range(1_000):
        counters.hold(one(f"r{number}", f"key {number}", rule))
        counters.settle(f"r{number}", [1])
    clock.advance(2 * 86_400)
    for number in range(1_000):
        counters.hold(one(f"s{number}", f"other {number}", rule))
        counters.settle(f"s{number}", [1])

    assert len(counters._tables[type(rule)]) <= 1_001
    assert len(counters._round) == sum(map(len, counters._tables.values()))


def test_a_counter_that_someone_is_still_to_settle_with_is_kept(counters, clock):
    free = Spend(100, "day")
    counters.hold(one("free", "key", free, amount=0))
    for number in range(50):
        counters.hold(one(f"r{number}", f"key {number}", free, amount=0))
        counters.settle(f"r{number}", [0])
    counters.settle("free", [70])

    (level,) = counters.levels([Claim("key", free, 0)])
    assert level.used == 70
    assert len(counters._tables[Spend]) < 10


def test_reservations_that_nobody_settles_are_forgotten_after_their_lease(counters, clock):
    for number in range(100):
        counters.hold(one(f"r{number}", "key", Rate(10_000)))
    clock.advance(3_600)
    counters.hold(one("next", "key", Rate(10_000)))

    assert list(counters._open) == ["next"]


def test_the_last_ten_thousand_that_ended_unsettled_can_be_corrected(counters, clock):
    budget = Spend(10**9, "total")
    for number in range(MAX_LATE + 1):
        counters.hold(one(f"r{number}", "key", budget, 10))
    clock.advance(3_600)
    counters.levels([])
    counters.settle("r0", [0])
    counters.settle("r1", [0])

    assert counters.levels([Claim("key", budget, 0)])[0].used == MAX_LATE * 10
    assert len(counters._late) == MAX_LATE - 1


def test_a_counter_that_someone_may_still_correct_is_kept(counters, clock):
    free = Spend(100, "day")
    clock.advance(6_400)
    counters.hold(one("free", "key", free, amount=0))
    clock.advance(3_600)
    for number in range(50):
        counters.hold(one(f"r{number}", f"key {number}", free, amount=0))
        counters.settle(f"r{number}", [0])
    counters.settle("free", [70])

    assert counters.levels([Claim("key", free, 0)])[0].used == 70


def test_a_late_settlement_needs_an_amount_for_each_claim_too(counters, clock):
    counters.hold(one("call", "key", Spend(100, "day"), 10))
    clock.advance(3_600)

    with pytest.raises(ValueError, match="1 claims were held"):
        counters.settle("call", [1, 2])


def test_an_id_that_is_held_already_is_refused_and_takes_nothing(counters):
    budget = Spend(100, "day")
    counters.hold(one("same", "key", budget, 10))

    with pytest.raises(ValueError, match="held already"):
        counters.hold([*one("other", "key", budget, 20), *one("same", "key", budget, 30)])
    assert counters.levels([Claim("key", budget, 0)])[0].used == 10
    counters.settle("same", [5])
    assert counters.levels([Claim("key", budget, 0)])[0].used == 5


def test_a_settlement_needs_an_amount_for_each_claim(counters):
    counters.hold(one("call", "key", Spend(100, "day"), 10))

    with pytest.raises(ValueError, match="1 claims were held"):
        counters.settle("call", [1, 2])
    counters.settle("call", [1])
    assert counters.levels([Claim("key", Spend(100, "day"), 0)])[0].used == 1


def test_a_key_under_two_kinds_of_rule_is_two_counters(counters):
    counters.hold(
        [Reservation("r", (Claim("key", Rate(5), 5), Claim("key", Slots(5), 1), Claim("key", Spend(5, "day"), 2)))]
    )

    levels = counters.levels([Claim("key", Rate(5), 0), Claim("key", Slots(5), 0), Claim("key", Spend(5, "day"), 0)])
    assert [level.used for level in levels] == [5, 1, 2]


def test_a_rate_admits_not_one_more_than_its_law_over_a_million_microseconds(counters, clock):
    # 7 a minute is no whole number a second: a float would drift.
    rule = Rate(7, period_s=60.0)
    admitted = 0
    for number in range(20_000):
        if not isinstance(counters.hold(one(f"r{number}", "key", rule)), Refusal):
            admitted += 1
        clock.advance(0.25)

    assert admitted == 7 + 5_000 * 7 // 60


def test_a_period_that_changes_keeps_what_was_taken(counters):
    counters.hold(one("r", "key", Rate(60, period_s=60.0), 30))

    (level,) = counters.levels([Claim("key", Rate(60, period_s=1.0), 0)])
    assert level.used == 30


def test_a_repr_counts_and_names_no_key(counters):
    counters.hold(one("r", "key of someone", Rate(60)))

    assert repr(counters) == "<Counters 1 counters, 1 open reservations>"
