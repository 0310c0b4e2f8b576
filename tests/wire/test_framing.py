"""Framers by name, and the one that cuts nothing."""

from __future__ import annotations

import pytest

from gateway.core.errors import Reason, UpstreamError
from gateway.wire.framing import WholeFramer, framer
from gateway.wire.sse import SseFramer


def test_each_name_has_its_framer_and_each_body_a_fresh_one():
    assert isinstance(framer("whole"), WholeFramer)
    assert isinstance(framer("sse"), SseFramer)
    assert framer("sse") is not framer("sse")


@pytest.mark.parametrize("pieces", [[], [b"{}"], [b"{", b"", b"}"]])
def test_a_whole_body_is_one_frame_at_its_end(pieces):
    whole = framer("whole")
    assert [whole.feed(piece) for piece in pieces] == [[]] * len(pieces)
    assert whole.finish() == [b"".join(pieces)]


def test_a_body_over_the_bound_is_refused():
    whole = WholeFramer(max_bytes=10)
    whole.feed(b"x" * 10)
    with pytest.raises(UpstreamError) as caught:
        whole.feed(b"x")
    assert caught.value.reason is Reason.PROTOCOL
