from __future__ import annotations

import logging

from gateway.telemetry.observer import Observers
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


def test_no_observers_is_fine():
    Observers([], FrozenClock()).observe(outcome())


def test_its_repr_names_the_observers():
    assert repr(Observers([Notebook(), Grenade()], FrozenClock())) == "<Observers Notebook, Grenade>"
