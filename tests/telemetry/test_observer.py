from __future__ import annotations

import logging

from gateway.core.body import JsonBody
from gateway.core.payload import Payload
from gateway.telemetry.observer import MOST_AT_ONCE, TOLD_WITHIN_S, Observers
from tests.clock import FrozenClock
from tests.telemetry.outcomes import outcome


class Notebook:
    def __init__(self):
        self.seen = []

    def observe(self, outcome):
        self.seen.append(outcome)


class Grenade:
    def observe(self, outcome):
        raise RuntimeError("pulled")


def test_every_observer_is_given_the_same_outcome():
    one, two = Notebook(), Notebook()
    given = outcome()
    Observers([one, two], FrozenClock()).observe(given)
    assert one.seen == two.seen == [given]
    assert one.seen[0] is given


def test_an_observer_that_throws_hurts_neither_the_call_nor_its_neighbours(caplog):
    before, after = Notebook(), Notebook()
    observers = Observers([before, Grenade(), after], FrozenClock())
    observers.observe(outcome())
    assert len(before.seen) == len(after.seen) == 1
    assert observers.failures == 1


def test_a_failure_is_logged_with_its_traceback_and_without_the_outcome(caplog):
    Observers([Grenade()], FrozenClock()).observe(outcome(user="marker-of-a-user", id="marker-of-an-id"))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "Grenade" in record.getMessage()
    assert "pulled" in caplog.text
    assert "Traceback" in caplog.text
    assert "marker" not in caplog.text


def test_an_observer_that_always_throws_is_logged_once_a_minute_with_the_count(caplog):
    clock = FrozenClock()
    observers = Observers([Grenade()], clock)
    for _ in range(500):
        observers.observe(outcome())
    assert len(caplog.records) == 1
    clock.advance(60)
    observers.observe(outcome())
    assert len(caplog.records) == 2
    assert "500 times" in caplog.records[1].getMessage()
    assert observers.failures == 501


def test_one_broken_observer_does_not_silence_the_report_on_another(caplog):
    class Mine(Grenade):
        pass

    Observers([Grenade(), Mine()], FrozenClock()).observe(outcome())
    assert ["Grenade" in r.getMessage() for r in caplog.records] == [True, False]
    assert "Mine" in caplog.records[1].getMessage()


def test_without_observers_nobody_fails():
    observers = Observers([], FrozenClock())
    observers.observe(outcome())
    assert observers.failures == 0


def test_its_repr_names_the_observers():
    assert repr(Observers([Notebook(), Grenade()], FrozenClock())) == "<Observers Notebook, Grenade>"


class Timer:
    """An event loop's ``call_later``."""

    def __init__(self):
        self.waiting = []

    def __call__(self, delay_s, call):
        self.waiting.append((delay_s, call))

    def ring(self):
        waiting, self.waiting = self.waiting, []
        for _, call in waiting:
            call()


def test_calls_that_end_soon_after_each_other_are_told_of_together_in_their_order():
    notebook, timer = Notebook(), Timer()
    observers = Observers([notebook], FrozenClock(), later=timer)
    ended = [outcome(id=str(number)) for number in range(5)]
    for each in ended:
        observers.observe(each)
    assert notebook.seen == []
    assert [delay_s for delay_s, _ in timer.waiting] == [TOLD_WITHIN_S]
    timer.ring()
    assert notebook.seen == ended
    observers.observe(ended[0])
    timer.ring()
    assert notebook.seen == [*ended, ended[0]]


def test_many_calls_do_not_wait_for_the_timer():
    notebook, timer = Notebook(), Timer()
    observers = Observers([notebook], FrozenClock(), later=timer)
    for _ in range(MOST_AT_ONCE):
        observers.observe(outcome())
    assert len(notebook.seen) == MOST_AT_ONCE
    timer.ring()
    assert len(notebook.seen) == MOST_AT_ONCE


def test_whoever_is_about_to_look_has_all_told():
    notebook = Notebook()
    observers = Observers([notebook], FrozenClock(), later=Timer())
    observers.observe(outcome())
    observers.flush()
    assert len(notebook.seen) == 1


def test_of_calls_told_together_each_is_told_whatever_an_observer_makes_of_another():
    class Picky(Notebook):
        def observe(self, outcome):
            super().observe(outcome)
            if outcome.id == "1":
                raise RuntimeError("not this one")

    picky, after, timer = Picky(), Notebook(), Timer()
    observers = Observers([picky, after], FrozenClock(), later=timer)
    for number in range(3):
        observers.observe(outcome(id=str(number)))
    timer.ring()
    assert [each.id for each in picky.seen] == [each.id for each in after.seen] == ["0", "1", "2"]
    assert observers.failures == 1


def test_an_observer_that_counts_is_told_of_calls_at_once():
    class Counts(Notebook):
        def observe_all(self, outcomes):
            self.seen.append(list(outcomes))

    counts, timer = Counts(), Timer()
    observers = Observers([counts], FrozenClock(), later=timer)
    ended = [outcome(id=str(number)) for number in range(3)]
    for each in ended:
        observers.observe(each)
    timer.ring()
    observers.flush()
    assert counts.seen == [ended]


def test_what_was_said_is_given_to_those_who_read_it_and_to_no_other():
    class Reads(Notebook):
        reads_content = True

    class ReadsNone(Notebook):
        reads_content = False

    reads, reads_none, others = Reads(), ReadsNone(), Notebook()
    payload = Payload(JsonBody(b'{"messages":[]}', {}), 100)
    observers = Observers([others, reads, reads_none], FrozenClock())
    said, quiet = outcome(payload=payload), outcome()
    observers.observe(said)
    observers.observe(quiet)
    assert reads.seen == [said, quiet]
    assert reads.seen[0].payload is payload
    assert [each.payload for each in others.seen + reads_none.seen] == [None] * 4
    assert others.seen[1] is quiet
