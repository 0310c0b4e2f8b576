"""Which requests are traced."""

from __future__ import annotations

import re
import string
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.tracing.context import MAX_STATE, Sampling

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{PARENT}-01"


def begin(*headers, sample=0.0, seed=1):
    pairs = [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in headers]
    return Sampling(sample, Random(seed)).begin(pairs)


def with_parent(value, *states):
    return begin(("traceparent", value), *(("tracestate", state) for state in states))


def test_a_context_that_comes_is_taken_over_with_a_span_of_our_own():
    trace = begin(("host", "x"), ("traceparent", GOOD), ("tracestate", "vendor=1"))
    assert (f"{trace.trace_id:032x}", f"{trace.parent_id:016x}", trace.state) == (TRACE, PARENT, "vendor=1")
    assert trace.is_sampled
    assert trace.span_id not in (0, trace.parent_id)
    assert trace.traceparent(trace.child(1)) == f"00-{TRACE}-{trace.child(1):016x}-01"


def test_a_callers_no_is_passed_on_however_many_are_sampled_here():
    trace = begin(("traceparent", GOOD[:-2] + "00"), sample=1.0)
    assert not trace.is_sampled
    assert trace.traceparent(5) == f"00-{TRACE}-{5:016x}-00"


def test_a_callers_yes_counts_where_none_are_sampled_here():
    assert with_parent(GOOD).is_sampled


def test_without_a_context_chance_decides():
    sampling = Sampling(0.25, Random(7))
    traces = [sampling.begin([(b"host", b"x")]) for _ in range(4_000)]
    sampled = [trace for trace in traces if trace is not None]
    assert 900 < len(sampled) < 1_100
    assert all(trace.is_sampled and trace.parent_id is None and not trace.state for trace in sampled)
    assert len({trace.trace_id for trace in sampled}) == len({trace.span_id for trace in sampled}) == len(sampled)


@pytest.mark.parametrize(("sample", "is_traced"), [(0.0, False), (1.0, True)])
def test_none_and_all_are_shares_too(sample, is_traced):
    sampling = Sampling(sample, Random(3))
    assert {sampling.begin([]) is not None for _ in range(1_000)} == {is_traced}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        f"ff-{TRACE}-{PARENT}-01",
        f"0-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT.upper()}-01",
        f"0A-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-0A",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-01-",
        f"00-{TRACE}-{PARENT}-01 x",
        f"cc-{TRACE}-{PARENT}-01x",
        f"00_{TRACE}_{PARENT}_01",
        f"00-{TRACE[:-1]}g-{PARENT}-01",
        f"00-{TRACE}{PARENT}-01",
        f"{GOOD},{GOOD}",
        GOOD.encode() + b"\xff",
        "\u0660\u0660-" + GOOD[3:],
    ],
)
def test_a_context_that_is_none_is_as_if_it_had_not_come(value):
    assert with_parent(value, "vendor=1") is None
    trace = begin(("traceparent", value), ("tracestate", "vendor=1"), sample=1.0)
    assert trace.parent_id is None
    assert trace.state == ""


def test_of_two_parents_neither_counts():
    assert begin(("traceparent", GOOD), ("traceparent", GOOD)) is None


def test_a_state_without_a_parent_says_nothing():
    assert begin(("tracestate", "vendor=1")) is None


@pytest.mark.parametrize("rest", ["", "-", "-what-the-future-brings"])
def test_of_a_later_version_the_first_four_fields_are_read(rest):
    trace = with_parent(f"cc-{TRACE}-{PARENT}-01{rest}")
    assert (f"{trace.trace_id:032x}", trace.is_sampled) == (TRACE, True)
    assert trace.traceparent(trace.span_id).startswith("00-"), "we speak the version that we know"


@pytest.mark.parametrize(("flags", "is_sampled"), [("01", True), ("03", True), ("02", False), ("fe", False)])
def test_of_the_flags_only_sampled_is_known(flags, is_sampled):
    trace = with_parent(GOOD[:-2] + flags)
    assert trace.is_sampled is is_sampled
    assert trace.traceparent(1).endswith("-01" if is_sampled else "-00")


def test_blanks_around_the_header_are_none_of_it():
    assert with_parent(f" \t{GOOD}\t ") is not None


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["a=1,b=2"], "a=1,b=2"),
        (["a=1", "b=2"], "a=1,b=2"),
        (["a=1 ,\t b=2"], "a=1,b=2"),
        (["a=1,,b=2,", ""], "a=1,b=2"),
        (["tenant@vendor=x y"], "tenant@vendor=x y"),
        (["0rg/a*b-c_d=~!"], "0rg/a*b-c_d=~!"),
        (["a=1,a=2,b=3"], "a=1,b=3"),
        (["A=1"], ""),
        (["a=1,b"], ""),
        (["a=1,b="], ""),
        (["a=1=2"], ""),
        (["a =1"], ""),
        (["=1"], ""),
        (["a=\x01"], ""),
        (["a=ä"], ""),
        ([f"{'k' * 257}=1"], ""),
        ([f"k={'v' * 257}"], ""),
        ([",".join(f"k{number}=1" for number in range(32))], ",".join(f"k{number}=1" for number in range(32))),
        ([",".join(f"k{number}=1" for number in range(33))], ""),
        (["," * 60_000], ""),
    ],
)
def test_the_state_is_one_list_or_none(states, expected):
    assert with_parent(GOOD, *states).state == expected


def test_a_long_state_loses_its_long_members_first():
    long, short = "l=" + "x" * 200, [f"k{number}={'x' * 90}" for number in range(5)]
    assert with_parent(GOOD, ",".join([long, *short])).state == ",".join(short)


def test_a_state_of_many_short_members_loses_the_last():
    members = [f"k{number:02}={'x' * 60}" for number in range(12)]
    kept = with_parent(GOOD, ",".join(members)).state
    assert kept == ",".join(members[: kept.count(",") + 1])
    assert MAX_STATE - 65 < len(kept) <= MAX_STATE


@given(
    trace=st.integers(1, 2**128 - 1),
    parent=st.integers(1, 2**64 - 1),
    flags=st.integers(0, 255),
    version=st.integers(0, 254),
)
def test_every_context_by_the_standard_is_read_and_passed_on(trace, parent, flags, version):
    found = with_parent(f"{version:02x}-{trace:032x}-{parent:016x}-{flags:02x}")
    assert (found.trace_id, found.parent_id, found.is_sampled) == (trace, parent, bool(flags & 1))
    again = with_parent(found.traceparent(found.span_id))
    assert (again.trace_id, again.parent_id, again.is_sampled) == (trace, found.span_id, found.is_sampled)


@given(st.one_of(st.binary(max_size=80), st.from_regex(rb"[0-9a-fA-F-]{50,60}", fullmatch=True)))
def test_whatever_comes_is_a_good_context_or_none(value):
    found = with_parent(value)
    is_good = re.fullmatch(rb"[ \t]*[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?[ \t]*", value, re.DOTALL)
    assert found is None or is_good
    assert found is None or (found.trace_id > 0 and found.parent_id > 0)


member = st.builds(
    lambda key, value: f"{key}={value}",
    st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=250),
    st.text(string.ascii_letters + string.digits + "!:;", min_size=1, max_size=250),
)


@given(st.lists(st.lists(st.one_of(member, st.text(max_size=8)), max_size=12), max_size=4))
def test_whatever_state_comes_what_goes_on_is_a_part_of_it_and_bounded(lists):
    headers = [("tracestate", ",".join(each).encode("utf-8", "replace")) for each in lists]
    state = begin(("traceparent", GOOD), *headers).state
    assert len(state) <= MAX_STATE
    came = [each.strip(" \t") for members in lists for part in members for each in part.split(",")]
    assert state == "" or all(part in came for part in state.split(","))
    assert begin(("traceparent", GOOD), ("tracestate", state)).state == state, "it is by the standard, and in order"
