"""Server-sent events, cut from a stream."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.errors import Reason, UpstreamError
from gateway.wire.sse import SseFramer


def cut(*pieces):
    framer = SseFramer()
    return [frame for piece in pieces for frame in framer.feed(piece)], framer.finish()


def pieces_of(data, cuts):
    marks = [0, *sorted({mark % (len(data) + 1) for mark in cuts}), len(data)]
    return [data[start:end] for start, end in pairwise(marks) if start < end]


streams = st.lists(
    st.sampled_from(
        [b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"data: a", b"data:", b"event: x", b": c", b"\xc3\xa9"]
    )
).map(b"".join)


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\r\n\n"])
def test_each_event_comes_raw_with_the_blank_line_that_ends_it(end):
    events = [b"data: one" + end, b"event: x\ndata: two" + end, b": comment" + end]
    assert cut(b"".join(events)) == (events, [])


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\r\n\n"])
def test_an_event_is_given_with_the_byte_that_ends_it_and_not_later(end):
    framer = SseFramer()
    for byte in b"data: x" + end[:-1]:
        assert framer.feed(bytes([byte])) == []
    assert framer.feed(end[-1:]) == [b"data: x" + end]
    assert framer.finish() == []


@given(streams, st.lists(st.integers(0, 1_000)))
@example(b"data: a\r\r\ndata: b\r\r", [9])
@example(b"data: a\n\r\ndata: b\n\n", [9, 10])
@example(b"data: a\n\rdata: b\n\n", [9, 12])
@example(b"\xef\xbb\xbfdata: a\n\n", [1, 2])
@example(b"\ndata: a\n\n", [4])
def test_where_the_network_cuts_makes_no_difference(data, cuts):
    assert cut(*pieces_of(data, cuts)) == cut(data)


@given(streams, st.lists(st.integers(0, 1_000)))
def test_nothing_is_lost_and_nothing_added(data, cuts):
    frames, left = cut(*pieces_of(data, cuts))
    assert b"".join(frames + left) == data
    assert all(frames)
    assert len(left) <= 1


def events_by_the_spec(data):
    """What an EventSource would dispatch: the fields of each event that has data."""
    events, fields = [], []
    for line in re.split(rb"\r\n|\n|\r", data)[:-1]:
        if line:
            fields.append(line)
        else:
            if any(field.startswith(b"data:") for field in fields):
                events.append(fields)
            fields = []
    return events


@given(streams)
def test_the_frames_hold_the_events_of_the_stream(data):
    frames, _ = cut(data)
    of_frames = [event for frame in frames for event in events_by_the_spec(frame)]
    # A stream that ends in LF CR keeps its last event until it is known whether an LF follows.
    expected = events_by_the_spec(data)
    assert of_frames == (expected if not data.endswith(b"\n\r") else expected[: len(of_frames)])
    assert len(expected) - len(of_frames) <= 1


@given(streams)
def test_a_frame_holds_one_event_at_most(data):
    for frame in cut(data)[0]:
        assert len(events_by_the_spec(frame)) <= 1
        assert frame.endswith((b"\n", b"\r"))


def test_what_is_left_at_the_end_comes_last():
    assert cut(b"data: a\n\ndata: b\n") == ([b"data: a\n\n"], [b"data: b\n"])
    assert cut(b"data: a\n\r") == ([], [b"data: a\n\r"])
    assert cut() == ([], [])


def test_a_byte_order_mark_at_the_start_is_dropped():
    assert cut(b"\xef", b"\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n") == (
        [b"data: a\n\n", b"\xef\xbb\xbfdata: b\n\n"],
        [],
    )
    assert cut(b"\xef\xbb\xbfdata") == ([], [b"data"])


def test_a_blank_line_too_many_is_a_frame_of_its_own():
    assert cut(b"data: a\n\n\ndata: b\n\n") == ([b"data: a\n\n", b"\n", b"data: b\n\n"], [])


def test_a_large_event_in_small_pieces_is_whole():
    event = b"data: " + b"x" * 3_000_000 + b"\n\n"
    frames, left = cut(*(event[at : at + 1_000] for at in range(0, len(event), 1_000)), b"data: next\n\n")
    assert (frames, left) == ([event, b"data: next\n\n"], [])


@pytest.mark.parametrize("piece", [7, 64, 1_000])
def test_an_event_over_the_bound_is_refused(piece):
    framer = SseFramer(max_bytes=100)
    data = b"data: fits\n\n" + b"data: " + b"x" * 1_000
    with pytest.raises(UpstreamError) as caught:
        list(map(framer.feed, (data[at : at + piece] for at in range(0, len(data), piece))))
    assert caught.value.reason is Reason.PROTOCOL


def test_many_small_events_are_under_the_bound():
    framer = SseFramer(max_bytes=100)
    assert len(framer.feed(b"data: fits\n\n" * 1_000)) == 1_000
