"""Who called and spent most lately."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.limits.busiest import Busiest


def test_whoever_spent_more_is_before_whoever_spent_less():
    busiest = Busiest(10)
    for name, cost in [("small", 5_000), ("large", 9_000_000), ("middle", 70_000)]:
        busiest.add(name, cost)
    assert busiest.names() == ["large", "middle", "small"]


def test_calls_that_cost_nothing_count_too():
    busiest = Busiest(10)
    for name in ("once", "often", "often"):
        busiest.add(name, 0)
    assert busiest.names() == ["often", "once"]


def test_use_of_long_ago_is_worth_less_than_use_of_now():
    busiest = Busiest(10, half_life_s=60)
    for name in ("before", "before", "before"):
        busiest.add(name, 0)
    busiest.fade(120)
    busiest.add("now", 0)
    assert busiest.names() == ["now", "before"]


def test_whoever_does_nothing_is_forgotten_in_the_end():
    busiest = Busiest(10, half_life_s=60)
    busiest.add("gone", 0)
    busiest.fade(3_600)
    assert busiest.names() == []


def test_a_hundred_thousand_that_come_once_do_not_push_out_one_that_comes_often():
    busiest = Busiest(100)
    for i in range(100_000):
        busiest.add(f"once-{i}", 0)
        if i % 50 == 0:
            busiest.add("often", 0)
    assert busiest.names()[0] == "often"


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10**10)), max_size=200), st.integers(1, 8))
def test_it_never_keeps_more_than_twice_as_many_and_never_loses_the_first(uses, most):
    busiest = Busiest(most)
    for name, cost in uses:
        busiest.add(str(name), cost)
        assert len(busiest.names()) <= 2 * most
    # From there on the busiest stays, whoever comes beside it.
    if uses:
        busiest.add("first", 10**15)
        for name, cost in uses:
            busiest.add(str(name), cost)
        assert busiest.names()[0] == "first"
