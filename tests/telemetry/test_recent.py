"""What calls did lately: second by second, model by model, of all workers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.usage import Usage
from gateway.telemetry.recent import BUCKETS_AN_OCTAVE, MOST_MODELS, OTHER, STALE_S, WINDOW_S, Recent, bucket
from tests.clock import FrozenClock
from tests.telemetry.outcomes import outcome


@pytest.fixture
def clock():
    return FrozenClock(1_700_000_000.25)


def recent(clock, **where):
    made = Recent(clock, **where)
    made.know(["small", "large"])
    return made


def test_a_second_is_told_once_it_is_surely_over(clock):
    made = recent(clock)
    made.observe(outcome(model="small"))

    assert made.read().seconds == []
    clock.advance(1)
    assert made.read().seconds == []
    clock.advance(1)
    [second] = made.read().seconds
    assert (second.at, second.models["small"].calls) == (1_700_000_000, 1)
    assert made.read().through == 1_700_000_000


def test_calls_are_counted_by_how_they_ended(clock):
    made = recent(clock)
    for status in (200, 400, 429, 499, 500, 503):
        made.observe(outcome(model="small", status=status))
    clock.advance(2)

    row = made.read().seconds[0].models["small"]
    assert (row.calls, row.failed, row.refused) == (6, 2, 2)
    assert sum(row.latency.values()) == 1, "only the latency of what went well says something"


def test_tokens_images_and_money_are_added_up(clock):
    made = recent(clock)
    for _ in range(2):
        usage = Usage(input=10, cached_input=5, output=3, reasoning=4, images=1)
        made.observe(outcome(model="small", usage=usage, cost_nanousd=700))
    clock.advance(2)

    row = made.read().seconds[0].models["small"]
    assert (row.input_tokens, row.output_tokens, row.images, row.cost_nanousd) == (30, 14, 2, 1_400)


def test_first_tokens_are_those_of_streams(clock):
    made = recent(clock)
    made.observe(outcome(model="small", stream=True, ttft_s=0.064, duration_s=1.024))
    made.observe(outcome(model="small", stream=False, ttft_s=1.024, duration_s=1.024))
    clock.advance(2)

    row = made.read().seconds[0].models["small"]
    assert row.ttft == {48: 1}
    assert row.latency == {80: 2}


def test_two_minutes_are_remembered_and_no_more(clock):
    made = recent(clock)
    for _ in range(WINDOW_S * 2):
        made.observe(outcome(model="small"))
        clock.advance(1)

    told = [second.at for second in made.read().seconds]
    assert len(told) == WINDOW_S - 2
    assert told == list(range(told[0], made.read().through + 1))


def test_what_is_old_is_gone_though_nobody_called_since(clock):
    made = recent(clock)
    made.observe(outcome(model="small"))
    clock.advance(WINDOW_S + 1)

    assert made.read().seconds == []


def test_whoever_has_seen_some_asks_for_the_rest(clock):
    made = recent(clock)
    for _ in range(4):
        made.observe(outcome(model="small"))
        clock.advance(1)

    assert [second.at for second in made.read(since=1_700_000_000).seconds] == [1_700_000_001, 1_700_000_002]


def test_names_that_clients_make_up_are_one(clock):
    made = recent(clock)
    for number in range(100):
        made.observe(outcome(model=f"made-up-{number}", status=404))
    clock.advance(2)

    [second] = made.read().seconds
    assert {name: row.calls for name, row in second.models.items()} == {OTHER: 100}


def test_the_busiest_models_are_told_apart_and_nothing_is_lost(clock):
    made = Recent(clock)
    names = [f"model-{number:02}" for number in range(MOST_MODELS + 5)]
    made.know(names)
    for calls, name in enumerate(names, 1):
        for _ in range(calls):
            made.observe(outcome(model=name, status=200))
    clock.advance(2)

    models = made.read().seconds[0].models
    assert set(models) == {*names[5:], OTHER}
    assert models[OTHER].calls == 1 + 2 + 3 + 4 + 5
    assert sum(models[OTHER].latency.values()) == 15


def test_workers_are_added_up(clock, tmp_path):
    one, two = recent(clock, folder=tmp_path, number=1), recent(clock, folder=tmp_path, number=2)
    one.calls_in_flight, two.calls_in_flight = lambda: 3, lambda: 4
    one.observe(outcome(model="small", duration_s=0.5))
    two.observe(outcome(model="small", duration_s=0.5))
    two.observe(outcome(model="large"))
    clock.advance(3)
    two.publish()

    read = one.read()
    assert (read.workers, read.in_flight) == (2, 7)
    [second] = read.seconds
    assert {name: row.calls for name, row in second.models.items()} == {"small": 2, "large": 1}
    assert second.models["small"].latency == {bucket(0.5): 2}


def test_reading_changes_nothing(clock, tmp_path):
    one, two = recent(clock, folder=tmp_path, number=1), recent(clock, folder=tmp_path, number=2)
    one.observe(outcome(model="small"))
    two.observe(outcome(model="small"))
    clock.advance(3)
    two.publish()

    assert [one.read().seconds[0].models["small"].calls for _ in range(3)] == [2, 2, 2]


def test_what_a_dead_worker_did_counts_but_it_has_nothing_under_way(clock, tmp_path):
    one, two = recent(clock, folder=tmp_path, number=1), recent(clock, folder=tmp_path, number=2)
    two.calls_in_flight = lambda: 4
    two.observe(outcome(model="small"))
    clock.advance(3)
    two.publish()
    clock.advance(STALE_S)

    read = one.read()
    assert (read.workers, read.in_flight) == (1, 0)
    assert read.seconds[0].models["small"].calls == 1


def test_half_a_file_is_no_reason_to_fail(clock, tmp_path):
    (tmp_path / "2.recent").write_bytes(b"[17000")

    assert recent(clock, folder=tmp_path, number=1).read().workers == 1


def test_one_process_puts_nothing_down(clock, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recent(clock).publish()

    assert not list(tmp_path.iterdir())


@given(st.floats(1e-5, 1e5))
def test_a_bucket_begins_at_its_power_and_is_a_tenth_wide(seconds):
    number = bucket(seconds)

    assert (
        2 ** (number / BUCKETS_AN_OCTAVE) * 0.999999
        <= seconds * 1000
        <= 2 ** ((number + 1) / BUCKETS_AN_OCTAVE) * 1.000001
    )
