"""Headers of the event stream are read as Amazon's own parser reads them."""

from __future__ import annotations

import uuid

import pytest
from botocore.eventstream import EventStreamBuffer, EventStreamHeaderParser
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Reason, UpstreamError
from gateway.providers.bedrock.message import headers_of, message_of
from tests.wire.messages import Byte, Long, Short, Timestamp, message

values = st.one_of(
    st.text(max_size=30),
    st.binary(max_size=30),
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-128, 127).map(Byte),
    st.integers(-(2**15), 2**15 - 1).map(Short),
    st.integers(-(2**63), 2**63 - 1).map(Long),
    st.integers(0, 2**62).map(Timestamp),
    st.uuids(),
)


@given(st.dictionaries(st.text(min_size=1, max_size=20), values, max_size=6), st.binary(max_size=50))
def test_any_headers_are_read(headers, payload):
    frame = message(headers, payload)
    buffer = EventStreamBuffer()
    buffer.add_data(frame)
    theirs = next(buffer)
    texts = {name: headers[name] for name in headers if isinstance(headers[name], str)}
    assert texts.items() <= theirs.headers.items()
    assert message_of(frame) == (texts, theirs.payload)


@given(st.binary(max_size=60))
def test_noise_is_read_as_amazon_s_parser_reads_it_or_is_an_error(noise):
    try:
        ours = headers_of(noise)
    except UpstreamError as error:
        assert error.reason is Reason.PROTOCOL  # noqa: PT017
        return
    try:
        theirs = EventStreamHeaderParser().parse(noise)
    except Exception:  # noqa: BLE001  a name that came twice, or a value cut short
        return
    assert ours.items() <= theirs.items()


@pytest.mark.parametrize("frame", [b"", b"\0" * 15, message({"a": "b"})[:17], message({":id": uuid.UUID(int=1)})[:24]])
def test_a_frame_that_is_no_message_is_an_error(frame):
    with pytest.raises(UpstreamError):
        message_of(frame)
