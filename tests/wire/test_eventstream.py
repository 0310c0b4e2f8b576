"""The event stream is cut as Amazon's own parser cuts it, wherever the network cut it before."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from botocore.eventstream import EventStreamBuffer, ParserError
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Reason, UpstreamError
from gateway.wire.eventstream import MAX_HEADERS_BYTES, MAX_PAYLOAD_BYTES, EventStreamFramer
from gateway.wire.framing import framer
from tests.wire.messages import event, exception, message

STREAM = [
    event("messageStart", {"role": "assistant"}),
    message({}),
    event("contentBlockDelta", {"delta": {"text": "Grüße"}}),
    exception("throttlingException", {"message": "slow down"}),
]

headers = st.dictionaries(st.text(min_size=1, max_size=12), st.text(max_size=20), max_size=4)
streams = st.lists(st.builds(message, headers, st.binary(max_size=300)), max_size=6)


def cut(pieces: Iterable[bytes]) -> list[bytes]:
    framer = EventStreamFramer()
    frames = [frame for piece in pieces for frame in framer.feed(piece)]
    return frames + framer.finish()


def at(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def cut_until_it_breaks(pieces: Iterable[bytes]) -> tuple[list[bytes], UpstreamError | None]:
    framer = EventStreamFramer()
    frames: list[bytes] = []
    try:
        for piece in pieces:
            frames += framer.feed(piece)
        framer.finish()
    except UpstreamError as error:
        return frames, error
    return frames, None


def oracle(data: bytes) -> list[tuple[int, int, bytes]]:
    """What Amazon's parser finds: each message's length, its headers' length, its payload."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(each.prelude.total_length, each.prelude.headers_length, each.payload) for each in buffer]


def parts(frame: bytes) -> tuple[int, int, bytes]:
    headers = struct.unpack_from(">I", frame, 4)[0]
    return len(frame), headers, frame[12 + headers : -4]


def prelude(length: int, headers: int) -> bytes:
    raw = struct.pack(">II", length, headers)
    return raw + struct.pack(">I", zlib.crc32(raw))


def test_the_name_has_its_framer():
    assert isinstance(framer("eventstream"), EventStreamFramer)


def test_messages_come_whole_at_every_split_point():
    data = b"".join(STREAM)
    for first in range(len(data) + 1):
        assert cut(at(data, [first])) == STREAM
    assert cut(data[index : index + 1] for index in range(len(data))) == STREAM


@given(streams, st.data())
def test_any_split_gives_what_amazon_s_parser_finds(messages, data):
    whole = b"".join(messages)
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=12))
    frames = cut(at(whole, cuts))
    assert frames == messages
    assert [parts(frame) for frame in frames] == oracle(whole)


@given(streams.filter(bool), st.data())
def test_a_flipped_bit_is_an_error_after_the_messages_before_it(messages, data):
    whole = bytearray(b"".join(messages))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=12))
    frames, error = cut_until_it_breaks(at(bytes(whole), cuts))
    assert error is not None
    assert error.reason is Reason.PROTOCOL
    sound = [index for index in range(len(messages)) if sum(map(len, messages[: index + 1])) <= place]
    assert frames == [messages[index] for index in sound]
    with pytest.raises(ParserError):
        oracle(bytes(whole))


@given(streams.filter(bool), st.data())
def test_a_stream_cut_short_is_an_error(messages, data):
    whole = b"".join(messages)
    end = data.draw(st.integers(1, len(whole) - 1))
    ends = [sum(map(len, messages[: index + 1])) for index in range(len(messages))]
    if end in ends:
        assert cut([whole[:end]]) == messages[: ends.index(end) + 1]
        return
    with pytest.raises(UpstreamError) as caught:
        cut([whole[:end]])
    assert caught.value.reason is Reason.CLOSED


@pytest.mark.parametrize(
    ("length", "headers"),
    [
        (16 + MAX_HEADERS_BYTES + 1, MAX_HEADERS_BYTES + 1),
        (16 + MAX_PAYLOAD_BYTES + 1, 0),
        (2**32 - 1, 2**32 - 1),
        (0, 0),
        (15, 0),
        (16, 1),
    ],
)
def test_a_length_that_cannot_be_is_an_error_at_once(length, headers):
    with pytest.raises(UpstreamError) as caught:
        EventStreamFramer().feed(prelude(length, headers))
    assert caught.value.reason is Reason.PROTOCOL


@given(st.binary(min_size=1, max_size=200), st.integers(1, 50))
def test_noise_is_an_error_and_never_a_message(noise, size):
    frames, error = cut_until_it_breaks(noise[start : start + size] for start in range(0, len(noise), size))
    assert frames == []
    assert error is not None
    assert error.reason in (Reason.PROTOCOL, Reason.CLOSED)


def test_after_a_corrupted_message_nothing_is_read():
    framer = EventStreamFramer()
    assert framer.feed(STREAM[0] + b"\0" * 12) == [STREAM[0]]
    for read in (lambda: framer.feed(STREAM[0]), framer.finish):
        with pytest.raises(UpstreamError):
            read()


def test_a_large_message_in_small_pieces_is_put_together_once():
    large = message({}, b"x" * (4 * 1024 * 1024))
    assert cut(large[start : start + 16_384] for start in range(0, len(large), 16_384)) == [large]
