"""Every dialect under bytes that come cut, cut short, corrupted or of other types: events or an UpstreamError.

Never another exception, never a hang. The bytes are those of all exchanges, recorded and our own, through the framer
that the wire would use.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.errors import UpstreamError
from tests.contract import exchanges as openai_like
from tests.contract.dialects import reading
from tests.contract.dialects.reading import Exchange, message
from tests.contract.dialects.speaking import Heard, Speech, speech
from tests.contract.exchanges import DIALECT, RECORDINGS, TRANSLATED

CUTS = 5
"""Random ways to cut a body."""
PLACES = 160
"""Places of a body that are tried, all of them if there are no more."""
SETTINGS = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@cache
def said(id: str) -> Speech:
    """The speech of an exchange by its id."""
    return speech(_EXCHANGES[id])


def _all() -> dict[str, Exchange | openai_like.Exchange]:
    mine = (*reading.recordings(), *reading.own_exchanges())
    return {each.id: each for each in (*mine, *openai_like.recordings(), *openai_like.own_exchanges())}


_EXCHANGES = _all()


def _answers(exchange: Exchange | openai_like.Exchange) -> bool:
    return (exchange.given["response"]["status"] if isinstance(exchange, Exchange) else exchange.status) < 300


def exchanges(wanted: Callable[[Exchange | openai_like.Exchange], bool]) -> pytest.MarkDecorator:
    found: list[Any] = [pytest.param(id, id=id) for id, each in _EXCHANGES.items() if wanted(each)]
    if not openai_like.recordings():
        absent = pytest.mark.skip(reason=f"the recordings are not at {RECORDINGS}")
        found.append(pytest.param(None, id="recordings", marks=absent))
    return pytest.mark.parametrize("id", found)


def cut(body: bytes, places: Sequence[int]) -> list[bytes]:
    marks = [0, *sorted({place % (len(body) + 1) for place in places}), len(body)]
    return [body[start:end] for start, end in pairwise(marks)]


@exchanges(_answers)
def test_where_the_network_cuts_makes_no_difference(id: str) -> None:
    speaks = said(id)
    body, random = speaks.body, Random(7)
    whole = speaks.listen([body]).told
    assert speaks.listen([body[at : at + 1] for at in range(len(body))]).told == whole
    for _ in range(CUTS):
        places = [random.randrange(len(body)) for _ in range(random.randrange(1, 30))]
        assert speaks.listen(cut(body, places)).told == whole


@exchanges(_answers)
def test_a_reply_that_is_cut_short_is_an_error_or_was_complete(id: str) -> None:
    speaks = said(id)
    body = speaks.body
    full = speaks.listen([body])
    for end in _places(len(body)):
        heard = speaks.listen([body[:end]])
        if heard.error is None:
            # What was cut off then said nothing more: blanks, the closing mark, figures.
            assert _is_complete(heard)
            if speaks.framing == "whole":
                assert [bytes(event.data).strip() for event in heard.events] == [bytes(full.events[0].data).strip()]


@exchanges(_answers)
def test_a_reply_of_which_nothing_came_is_an_error(id: str) -> None:
    """The wire tells a decoder of a connection's end, not of the bytes that are missing."""
    speaks = said(id)
    decoder = speaks.dialect.decoder(speaks.call, speaks.target, speaks.head)
    with pytest.raises(UpstreamError):
        decoder.finish()


@exchanges(_answers)
def test_corrupted_bytes_are_an_error_or_a_reply(id: str) -> None:
    speaks = said(id)
    body, random = speaks.body, Random(7)
    for place in _places(len(body)):
        broken = bytearray(body)
        if place < len(broken):
            broken[place] ^= random.randrange(1, 256)
        heard = speaks.listen([bytes(broken)])
        _check(heard)
        if speaks.framing == "eventstream" and place < len(body):
            assert heard.error is not None, "no damage goes unnoticed behind a checksum"


@exchanges(lambda each: not _answers(each))
def test_an_error_is_read_whatever_came_of_it(id: str) -> None:
    speaks = said(id)
    body, random = speaks.body, Random(7)
    assert isinstance(speaks.dialect.failure(speaks.head, body), UpstreamError)
    for place in _places(len(body)):
        broken = bytearray(body)
        if place < len(broken):
            broken[place] ^= random.randrange(1, 256)
        for given_body in (bytes(broken), body[:place]):
            assert isinstance(speaks.dialect.failure(speaks.head, given_body), UpstreamError)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "text", "stop", "STOP", "tool_use", "error", "-1", "1e999", "\x00", "💥"])
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


class Change(msgspec.Struct, frozen=True):
    """Which node of a document is replaced, counted from its root, and by what; ``is_gone``: it is left out."""

    place: float
    value: Any
    is_gone: bool


changes = st.lists(st.builds(Change, st.floats(0, 0.999), values, st.booleans()), min_size=1, max_size=3)


@pytest.mark.parametrize("dialect", sorted([*TRANSLATED, DIALECT]))
@SETTINGS
@given(data=st.data(), changed=changes)
def test_other_types_are_an_error_or_a_reply(dialect: str, data: st.DataObject, changed: list[Change]) -> None:
    ids = [id for id, each in _EXCHANGES.items() if _dialect(each) == dialect]
    speaks = said(data.draw(st.sampled_from(sorted(ids))))
    if not speaks.answers:
        assert isinstance(speaks.dialect.failure(speaks.head, _changed(speaks.body, changed)), UpstreamError)
        return
    frames = _frames(speaks)
    at = data.draw(st.integers(0, len(frames) - 1))
    _check(speaks.listen([*frames[:at], _changed_frame(speaks.framing, frames[at], changed), *frames[at + 1 :]]))


@pytest.mark.parametrize("dialect", sorted([*TRANSLATED, DIALECT]))
@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"null", b"[]", b"{}", b'""', b"0", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"<html>"],
    ids=lambda body: repr(body[:8]),
)
def test_no_reply_at_all_is_an_error(dialect: str, body: bytes) -> None:
    ids = [id for id, each in _EXCHANGES.items() if _dialect(each) == dialect]
    for id in sorted(ids):
        speaks = said(id)
        assert isinstance(speaks.dialect.failure(speaks.head, body), UpstreamError)
        if not speaks.answers or (dialect == DIALECT and body == b"{}"):
            continue  # OpenAI's own format goes through as it is, and an object may mean something to somebody
        wrapped = [body]
        if speaks.framing == "sse":
            wrapped.append(b"data: " + body + b"\n\n")
        for each in wrapped:
            heard = speaks.listen([each])
            assert heard.error is not None
            assert heard.events == []


def _dialect(exchange: Exchange | openai_like.Exchange) -> str:
    return exchange.dialect if isinstance(exchange, Exchange) else DIALECT


def _places(length: int) -> Sequence[int]:
    return range(length) if length <= PLACES else sorted(Random(7).sample(range(length), PLACES))


def _check(heard: Heard) -> None:
    """Whatever was passed on can be read by the client."""
    for event in heard.events:
        data = bytes(event.data)
        assert data
        if event.usage is not None:
            assert all(getattr(event.usage, name) >= 0 for name in ("total_input", "total_output", "images"))


def _is_complete(heard: Heard) -> bool:
    return any(event.finish for event in heard.events) or bool(heard.events and heard.events[-1].usage)


def _frames(speaks: Speech) -> list[bytes]:
    """The pieces of a reply that are JSON by themselves."""
    if speaks.framing == "whole":
        return [speaks.body]
    if speaks.framing == "sse":
        mark = b"\r\n\r\n" if b"\r\n\r\n" in speaks.body else b"\n\n"
        return [part + mark for part in speaks.body.split(mark) if part]
    frames, left = [], speaks.body
    while left:
        size = int.from_bytes(left[:4], "big")
        frames.append(left[:size])
        left = left[size:]
    return frames


def _changed_frame(framing: str, frame: bytes, changed: list[Change]) -> bytes:
    if framing == "whole":
        return _changed(frame, changed)
    if framing == "sse":
        lines = frame.split(b"\n")
        return b"\n".join(
            b"data: " + _changed(line[5:], changed) if line.startswith(b"data:") else line for line in lines
        )
    headers = int.from_bytes(frame[4:8], "big")
    type = frame[12:].split(b"-type\x07", 1)[1]
    name = type[2 : 2 + int.from_bytes(type[:2], "big")].decode()
    return message(name, json.loads(_changed(frame[12 + headers : -4], changed)))


def _changed(body: bytes, changed: list[Change]) -> bytes:
    try:
        document = json.loads(body)
    except ValueError:
        return body
    for change in changed:
        nodes = list(_nodes(document))
        if not nodes:
            return json.dumps(change.value).encode()
        owner, key = nodes[int(change.place * len(nodes))]
        if change.is_gone:
            del owner[key]
        else:
            owner[key] = change.value
    return json.dumps(document).encode()


def _nodes(document: Any) -> Any:
    """Every place in a document: what holds it, and under which key."""
    keys = document if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    for key in keys:
        yield document, key
        yield from _nodes(document[key])
