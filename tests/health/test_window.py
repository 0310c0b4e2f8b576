from hypothesis import given
from hypothesis import strategies as st

from gateway.health.window import Window


def test_what_is_counted_leaves_after_the_span():
    window = Window(30.0)
    for _ in range(3):
        window.add(100.0, failed=True)
    window.add(131.0, failed=False)

    assert (window.volume, window.failures) == (1, 0)


def test_what_is_within_the_span_but_for_a_step_stays():
    window = Window(30.0)
    window.add(100.0, failed=True)
    window.add(124.9, failed=False)

    assert (window.volume, window.failures) == (2, 1)


@given(st.lists(st.tuples(st.integers(0, 160), st.booleans()), max_size=60))
def test_it_counts_all_of_the_last_25_seconds_and_nothing_older_than_30(steps):
    window = Window(30.0)
    now = 1_000.0
    seen = []
    for quarters, failed in steps:
        now += quarters / 4
        seen.append((now, failed))
        window.add(now, failed=failed)
        young = [bad for at, bad in seen if now - at < 25.0]
        all_young = [bad for at, bad in seen if now - at <= 30.0]
        assert len(young) <= window.volume <= len(all_young)
        assert sum(young) <= window.failures <= sum(all_young)
