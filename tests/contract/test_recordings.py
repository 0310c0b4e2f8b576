"""Real traffic of many providers through the whole gateway: nothing lost, all of it counted, errors told apart.

A provider over a real socket gives the recorded reply to the recorded request. Beside the recordings, which are not
part of the project, stand exchanges of our own making in the same shapes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

import pytest

from gateway.core.errors import Reason
from gateway.core.money import usd
from tests.contract.exchanges import RECORDINGS, Exchange, chunk_of, own_exchanges, recordings
from tests.contract.forms import Part, read_form
from tests.contract.reckoning import bill_nanousd, parts
from tests.contract.relayed import Frame, assert_relayed, relayed, relayed_frames
from tests.contract.replay import PUBLIC, SECRET, Replay, replay
from tests.upstream import reply

SENDS_USAGE_UNASKED = {"mistral", "databricks"}
"""They refuse stream_options: https://docs.mistral.ai/api/"""
NULL_USAGE = b',"usage":null'
BILL = re.compile(rb',"sluice":\{"cost_usd":[^,{}]*,"attempts":1\}')
STOPS = {Reason.INVALID_REQUEST, Reason.CONTENT_FILTER}
"""Nothing that another target would change."""
SPARE = reply(
    b'{"id":"1","object":"chat.completion","created":1,"model":"spare","choices":'
    b'[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"data":[]}',
    200,
    b"content-type: application/json",
)
SPARE_STREAM = reply(
    b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    200,
    b"content-type: text/event-stream",
)


def exchanges(wanted: Callable[[Exchange], bool]) -> pytest.MarkDecorator:
    """Run a test for each exchange that is ``wanted``, recorded or our own."""
    found: list[Any] = [pytest.param(each, id=each.id) for each in (*recordings(), *own_exchanges()) if wanted(each)]
    if not recordings():
        absent = pytest.mark.skip(reason=f"the recordings are not at {RECORDINGS}")
        found.append(pytest.param(None, id="recordings", marks=absent))
    return pytest.mark.parametrize("exchange", found)


def is_whole(exchange: Exchange) -> bool:
    return not exchange.is_error and not exchange.stream


def is_stream(exchange: Exchange) -> bool:
    return not exchange.is_error and exchange.stream and not exchange.breaks_off


@pytest.fixture(autouse=True)
def _listed(request: pytest.FixtureRequest, record_property: Any) -> None:
    """For the table at the end of the run."""
    if "exchange" in request.fixturenames:
        exchange: Exchange = request.getfixturevalue("exchange")
        record_property("exchange", [exchange.provider, exchange.kind, exchange.is_own])


def breaks_off(exchange: Exchange) -> bool:
    return not exchange.is_error and exchange.breaks_off


def is_error(exchange: Exchange) -> bool:
    return exchange.is_error


@exchanges(is_whole)
async def test_a_whole_reply_comes_back_whole(exchange: Exchange) -> None:
    got = await replay(exchange)
    assert got.status == 200, got.body
    assert json.loads(got.body) == relayed(exchange)
    assert got.headers["content-type"] == "application/json"
    assert got.headers["x-sluice-model"] == exchange.model
    _check_request(exchange, got, wants_usage=False)
    _check_bill(exchange, got)
    assert got.headers.get("x-sluice-cost-usd") == usd(got.outcome.cost_nanousd)


@exchanges(is_stream)
async def test_a_stream_is_relayed_byte_for_byte_with_its_bill(exchange: Exchange) -> None:
    got = await replay(exchange, wants_usage=True)
    assert got.status == 200, got.body
    assert_relayed(BILL.sub(b"", got.body), relayed_frames(exchange))
    _check_request(exchange, got, wants_usage=True)
    _check_bill(exchange, got)
    told = [chunk["sluice"] for frame in got.body.split(b"data:") if (chunk := _object(frame)) and "sluice" in chunk]
    if parts(exchange) is not None:
        assert [bill["cost_usd"] for bill in told] == [pytest.approx(got.outcome.cost_nanousd / 1e9)]


@exchanges(is_stream)
async def test_a_stream_without_usage_lacks_nothing_else(exchange: Exchange) -> None:
    got = await replay(exchange, wants_usage=False)
    assert got.status == 200, got.body
    frames = [frame for frame in relayed_frames(exchange) if not _is_usage_alone(frame)]
    if exchange.provider == "openai":
        # OpenAI writes it only where usage was asked for, which the client did not do.
        frames = [frame.replace(NULL_USAGE, b"") if isinstance(frame, bytes) else frame for frame in frames]
    assert_relayed(got.body, frames)
    _check_request(exchange, got, wants_usage=False)
    _check_bill(exchange, got)


@exchanges(breaks_off)
async def test_a_stream_that_breaks_off_ends_in_an_error_event(exchange: Exchange) -> None:
    got = await replay(exchange, wants_usage=True)
    assert got.status == 200
    frames = exchange.frames()
    last = next(index for index, frame in enumerate(frames) if (chunk_of(frame) or {}).get("error"))
    intact, _, closing = got.body.removesuffix(b"\n\n").rpartition(b"\n\n")
    assert_relayed(intact + b"\n\n", relayed_frames(exchange)[:last])
    event = chunk_of(closing) or {}
    told = (chunk_of(frames[last]) or {})["error"]
    assert told["message"] in event["error"]["message"]
    assert got.outcome.error
    assert got.outcome.attempts[0].error
    # Nobody told what was used until then, so it was counted.
    assert not got.outcome.is_usage_official
    assert got.outcome.usage.total_output > 0


@exchanges(is_error)
async def test_a_refusal_is_told_by_its_kind(exchange: Exchange) -> None:
    got = await replay(exchange)
    error = json.loads(got.body)["error"]
    reason = _reason(exchange)
    assert got.outcome.attempts[0].error == reason
    assert got.outcome.attempts[0].status == exchange.status
    assert (got.status, error["code"]) == _status_and_code(exchange, reason)
    assert set(error) == {"message", "type", "param", "code"}
    assert _retry_after(got.headers) == (_asked_wait(exchange) if got.status in (429, 502) else None)
    if got.status < 429:
        told = _words(exchange)
        assert error["message"] == told["message"]
        assert error["param"] == told.get("param")
    assert SECRET not in got.body.decode()
    assert "api-keys" not in error["message"]
    assert got.outcome.cost_nanousd == 0


@exchanges(is_error)
async def test_another_target_is_asked_unless_the_request_is_at_fault(exchange: Exchange) -> None:
    got = await replay(exchange, spare=SPARE_STREAM if exchange.stream else SPARE)
    if _reason(exchange) in STOPS:
        assert len(got.outcome.attempts) == 1
        assert got.status == exchange.status
    else:
        assert got.outcome.provider == "spare"
        assert got.status == 200


@pytest.mark.parametrize("wanted", [is_whole, is_stream, breaks_off, is_error])
def test_our_own_exchanges_have_every_shape(wanted: Callable[[Exchange], bool]) -> None:
    assert sum(map(wanted, own_exchanges())) >= 2


def test_no_exchange_is_left_out() -> None:
    for exchange in (*recordings(), *own_exchanges()):
        assert sum(wanted(exchange) for wanted in (is_whole, is_stream, breaks_off, is_error)) == 1


def _check_request(exchange: Exchange, got: Replay, *, wants_usage: bool) -> None:
    (received,) = got.received
    assert received.line.split(b" ")[:2] == [b"POST", exchange.path.encode()]
    if exchange.provider_kind == "azure":
        assert received.headers[b"api-key"] == SECRET.encode()
        assert b"authorization" not in received.headers
    else:
        assert received.headers[b"authorization"] == b"Bearer " + SECRET.encode()
    assert PUBLIC.encode() not in received.head + received.body
    if exchange.asked is None:
        theirs = read_form(received.headers[b"content-type"].decode(), received.body)
        ours = read_form(exchange.content_type, exchange.form)
        assert sorted(theirs, key=repr) == sorted([*ours, Part("model", None, exchange.model.encode())], key=repr)
        return
    assert received.headers[b"content-type"] == b"application/json"
    expected = {name: value for name, value in exchange.asked.items() if name != "stream_options"}
    if (exchange.stream and _can_be_asked_for_usage(exchange)) or (wants_usage and not exchange.stream):
        expected["stream_options"] = {"include_usage": True}
    assert json.loads(received.body) == {**expected, "model": exchange.model}


def _can_be_asked_for_usage(exchange: Exchange) -> bool:
    if exchange.provider_kind == "azure" and "/deployments/" in exchange.path:
        return (exchange.api_version or "") >= "2024-09-01"
    return exchange.provider not in SENDS_USAGE_UNASKED


def _check_bill(exchange: Exchange, got: Replay) -> None:
    outcome = got.outcome
    used = parts(exchange)
    assert outcome.is_usage_official == (used is not None)
    if used is not None:
        assert {name: getattr(outcome.usage, name) for name in used} == used
        assert outcome.usage.total + outcome.usage.images == sum(used.values())
        assert outcome.cost_nanousd == bill_nanousd(exchange, used, got.price)
    assert outcome.is_priced
    if exchange.is_own:
        # Reckoned by hand.
        assert used == exchange.expect["usage"]
        assert usd(outcome.cost_nanousd) == exchange.expect["cost_usd"]


def _reason(exchange: Exchange) -> Reason:
    """By the recording's kind, ``chat.error.<status>[.<what>]``, which was given by people who read it."""
    if exchange.kind.endswith("context_length"):
        return Reason.CONTEXT_LENGTH
    if exchange.kind.endswith("content_filter"):
        return Reason.CONTENT_FILTER
    if exchange.kind.endswith("quota"):
        return Reason.QUOTA
    return {
        400: Reason.INVALID_REQUEST,
        401: Reason.AUTH,
        404: Reason.NOT_FOUND,
        422: Reason.INVALID_REQUEST,
        429: Reason.RATE_LIMITED,
        500: Reason.SERVER_ERROR,
        503: Reason.OVERLOADED,
    }[exchange.status]


def _status_and_code(exchange: Exchange, reason: Reason) -> tuple[int, str | None]:
    if reason is Reason.CONTEXT_LENGTH:
        return 400, "context_length_exceeded"
    if reason is Reason.CONTENT_FILTER:
        return 400, "content_filter"
    if reason is Reason.INVALID_REQUEST:
        return exchange.status, _words(exchange).get("code")
    return (429, "rate_limit_exceeded") if reason is Reason.RATE_LIMITED else (502, "upstream_error")


def _words(exchange: Exchange) -> dict[str, Any]:
    """What the provider said, out of the several shapes that this comes in."""
    given = json.loads(exchange.body)
    error = given.get("error", given)
    return {"message": error} if isinstance(error, str) else error


def _asked_wait(exchange: Exchange) -> int | None:
    # Azure sends "0" beside a whole second: too short to be told in them.
    if (wait := exchange.headers.get("retry-after-ms")) and float(wait):
        return math.ceil(float(wait) / 1000)
    wait = exchange.headers.get("retry-after")
    return math.ceil(float(wait)) if wait else None


def _retry_after(headers: Any) -> int | None:
    wait = headers.get("retry-after")
    return int(wait) if wait else None


def _is_usage_alone(frame: Frame) -> bool:
    chunk = chunk_of(frame) if isinstance(frame, bytes) else frame
    return bool(chunk and chunk.get("usage") and chunk.get("choices") == [])


def _object(frame: bytes) -> Any:
    text = frame.strip()
    return json.loads(text) if text.startswith(b"{") and text.endswith(b"}") else None
