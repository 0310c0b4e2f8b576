from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter

from gateway.telemetry.labels import OTHER, Capped, Words


def capped(limit):
    registry = CollectorRegistry()
    overflows = Counter("overflows", "d", registry=registry)
    return registry, Capped(Counter("c", "d", ["a", "b"], registry=registry), limit, overflows)


def counted(registry):
    (family,) = (family for family in registry.collect() if family.name == "c")
    return {tuple(sample.labels.values()): sample.value for sample in family.samples if sample.name == "c_total"}


@given(st.lists(st.tuples(st.text(), st.text())), st.integers(1, 5))
def test_a_metric_never_grows_past_its_bound_and_loses_no_count(labels, limit):
    registry, metric = capped(limit)
    for pair in labels:
        metric(*pair).inc()
    assert len(counted(registry)) <= limit + 1
    assert sum(counted(registry).values()) == len(labels)
    overflows = registry.get_sample_value("overflows_total")
    assert overflows == 0 or counted(registry)[OTHER, OTHER] >= overflows


def test_the_same_labels_are_the_same_child():
    registry, metric = capped(2)
    assert metric("x", "y") is metric("x", "y")
    assert metric("p", "q") is not metric("x", "y")
    assert metric("too", "many") is metric("far too", "many")
    assert registry.get_sample_value("overflows_total") == 2


def test_a_label_s_words_are_the_first_that_come():
    words = Words(2)
    assert [words(word) for word in ("a", "b", "c", "a", None)] == ["a", "b", OTHER, "a", "none"]


def test_an_empty_or_overlong_word_is_other():
    words = Words(10, max_length=5)
    assert [words(""), words("x" * 6), words("x" * 5)] == [OTHER, OTHER, "xxxxx"]
