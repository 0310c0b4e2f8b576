from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.exchange import HttpRequest, Origin, Pieces
from gateway.core.trace import Trace, in_context

SPAN_IDS = st.integers(min_value=1, max_value=2**64 - 1)


@given(SPAN_IDS)
def test_the_parts_of_a_call_have_spans_of_their_own(span_id):
    trace = Trace(1, span_id)
    ids = {span_id, *(trace.child(number) for number in range(1, 20))}
    assert len(ids) == 20
    assert all(0 < id < 2**64 for id in ids)


def test_the_context_names_the_trace_the_span_and_whether_it_is_recorded():
    trace = Trace(0xABC, 0xDEF)
    assert trace.traceparent(0x1) == f"00-{'0' * 29}abc-{'0' * 15}1-01"
    unrecorded = Trace(0xABC, 0xDEF, is_sampled=False)
    assert unrecorded.traceparent(unrecorded.span_id).endswith("def-00")


def test_a_request_gets_the_context_and_keeps_the_rest():
    request = HttpRequest(b"POST", Origin.of("https://a.test"), b"/v1", ((b"x", b"y"),), Pieces(b"body"))
    sent = in_context(request, Trace(1, 2, state="vendor=1"), 3)
    assert sent.headers == [(b"x", b"y"), (b"traceparent", b"00-%032x-%016x-01" % (1, 3)), (b"tracestate", b"vendor=1")]
    assert (sent.method, sent.origin, sent.path, sent.body) == (b"POST", request.origin, b"/v1", request.body)
    assert request.headers == ((b"x", b"y"),)


def test_a_state_that_did_not_come_is_not_sent():
    request = HttpRequest(b"POST", Origin.of("https://a.test"), b"/v1", (), Pieces())
    assert [name for name, _ in in_context(request, Trace(1, 2), 3).headers] == [b"traceparent"]
