from __future__ import annotations

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.tally import OTHER, Family, Words


def histogram(**changes):
    return Family(**{"name": "h", "kind": "histogram", "doc": "d", "labels": ("a",), "buckets": (1.0, 5.0)} | changes)


def test_a_value_on_a_bucket_s_bound_belongs_to_it():
    family = histogram()
    cell = family.cell(("x",))
    for value in (0.5, 1.0, 1.1, 5.0, 6.0):
        family.put(cell, value)
    assert cell == [2, 2, 1, 13.6]


@given(st.lists(st.floats(min_value=0, max_value=1e6)), st.lists(st.floats(0, 1e6), min_size=1, unique=True))
def test_a_histogram_counts_every_value_once(values, bounds):
    family = histogram(buckets=tuple(sorted(bounds)))
    cell = family.cell(("x",))
    for value in values:
        family.put(cell, value)
    assert sum(cell[:-1]) == len(values)
    for i, bound in enumerate(family.buckets):
        assert sum(cell[: i + 1]) == bisect_left(sorted(values), bound) + values.count(bound)


@given(st.lists(st.tuples(st.text(), st.text())), st.integers(1, 5))
def test_a_family_never_grows_past_its_bound_and_loses_no_count(labels, limit):
    family = Family(name="c", kind="counter", doc="d", labels=("a", "b"), max_cells=limit)
    for pair in labels:
        family.cell(pair)[0] += 1
    assert len(family.cells) <= limit + 1
    assert sum(cell[0] for cell in family.cells.values()) == len(labels)
    if family.overflows:
        assert family.cells[OTHER, OTHER][0] >= 1


def test_a_copy_stands_still_while_the_family_goes_on():
    family = Family(name="c", kind="counter", doc="d", labels=("a",))
    family.cell(("x",))[0] += 1
    copy = family.copy()
    family.cell(("x",))[0] += 1
    family.cell(("y",))[0] += 1
    assert copy.cells == {("x",): [1]}


def test_counters_and_histograms_of_two_processes_add_up():
    one, two = histogram(), histogram()
    one.put(one.cell(("x",)), 0.5)
    two.put(two.cell(("x",)), 2)
    two.put(two.cell(("y",)), 9)
    one.absorb(two)
    assert one.cells == {("x",): [1, 1, 0, 2.5], ("y",): [0, 0, 1, 9]}
    assert two.cells["y",] == [0, 0, 1, 9]


def test_gauges_of_two_processes_become_one_as_their_family_says():
    def gauge(merge, value):
        return Family(name="g", kind="gauge", doc="d", merge=merge, cells={(): [value]})

    for merge, expected in (("sum", 5), ("max", 3), ("min", 2)):
        one = gauge(merge, 2)
        one.absorb(gauge(merge, 3))
        assert one.cells[()] == [expected]


def test_a_label_s_words_are_the_first_that_come():
    words = Words(2)
    assert [words(word) for word in ("a", "b", "c", "a", None)] == ["a", "b", OTHER, "a", "none"]


def test_an_empty_or_overlong_word_is_other():
    words = Words(10, max_length=5)
    assert [words(""), words("x" * 6), words("x" * 5)] == [OTHER, OTHER, "xxxxx"]
