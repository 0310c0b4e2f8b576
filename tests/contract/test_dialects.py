"""Real traffic of the dialects that the gateway translates: asked in OpenAI's format, answered in OpenAI's format.

A provider over a real socket gives the recorded reply. Each dialect's module in ``dialects/`` reads the recording by
itself: what a client would have asked, what the provider must be sent, and what the client is to get.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import msgspec
import pytest

from gateway.core.errors import Reason
from gateway.core.money import Price, usd
from gateway.core.usage import TOKEN_KINDS, Usage
from tests.contract.dialects.both_ways import STREAMED, as_stream
from tests.contract.dialects.expected import Expected
from tests.contract.dialects.playing import Played, play, sent
from tests.contract.dialects.reading import Exchange, modules, own_exchanges, recordings
from tests.contract.dialects.seeing import CHAT, Seen, seen
from tests.contract.exchanges import DIALECT, RECORDINGS, TRANSLATED, UNSERVED, recorded_files
from tests.contract.reckoning import by_tokens
from tests.contract.replay import PUBLIC, SECRET
from tests.openapi import SPEC, validate_reply

SHAPES = ("chat", "stream", "tools", "error")
"""Each dialect of chats has an exchange of our own for each of these."""

WRITTEN = frozenset({"output", "reasoning", "image_output", "audio_output"})
"""The tokens that a reply is made of; the others were read."""


def exchanges(wanted: Callable[[Exchange], bool] = lambda _: True) -> pytest.MarkDecorator:
    """Run a test for each exchange that is ``wanted``, recorded or our own."""
    found: list[Any] = [pytest.param(each, id=each.id) for each in (*recordings(), *own_exchanges()) if wanted(each)]
    if not recordings():
        absent = pytest.mark.skip(reason=f"the recordings are not at {RECORDINGS}")
        found.append(pytest.param(None, id="recordings", marks=absent))
    return pytest.mark.parametrize("exchange", found)


@pytest.fixture(autouse=True)
def _listed(request: pytest.FixtureRequest, record_property: Any) -> None:
    """For the table at the end of the run."""
    if "exchange" in request.fixturenames:
        exchange: Exchange = request.getfixturevalue("exchange")
        record_property("exchange", [exchange.provider, exchange.kind, exchange.is_own])


@exchanges()
async def test_the_provider_is_asked_in_its_own_format(exchange: Exchange) -> None:
    played = await play(exchange)
    module = exchange.module
    (received,) = played.received
    assert received.line.startswith(b"POST ")
    assert received.headers[b"content-type"] == b"application/json"
    module.validate(exchange.given, received.path.decode(), received.body)
    module.same_request(exchange.given, sent(played))
    assert PUBLIC.encode() not in received.head + received.body


@exchanges(lambda exchange: exchange.answers)
async def test_the_client_is_answered_in_openais_format(exchange: Exchange) -> None:
    expected = exchange.expected
    played = await play(exchange)
    assert SECRET not in played.body.decode()
    if expected.error is not None and not expected.breaks_off:
        _check_refusal(exchange, played, expected)
        return
    assert played.status == 200, played.body
    assert played.is_stream == (exchange.stream and "/images/" not in played.path)
    got = seen(played.path, played.body, is_stream=played.is_stream)
    assert played.headers["x-sluice-model"] == exchange.module.MODEL(exchange.given)
    if expected.breaks_off:
        _check_break(played, got, expected)
        return
    _check_content(got, expected)
    _check_usage(exchange, played, got, expected)


@exchanges(lambda exchange: not exchange.answers)
async def test_a_refusal_is_told_by_its_kind(exchange: Exchange) -> None:
    played = await play(exchange)
    assert exchange.expected.error is not None
    _check_refusal(exchange, played, exchange.expected)
    assert played.outcome.attempts[0].status == exchange.status


@exchanges(lambda exchange: exchange.answers and not exchange.stream and exchange.dialect in STREAMED)
async def test_whole_and_streamed_are_the_same_when_joined(exchange: Exchange) -> None:
    expected = exchange.expected
    whole = await play(exchange)
    streamed = await play(as_stream(exchange), stream=True)
    if expected.error is not None:
        for played in (whole, streamed):
            _check_refusal(exchange, played, expected)
        return
    one = seen(whole.path, whole.body, is_stream=False)
    other = seen(streamed.path, streamed.body, is_stream=True)
    assert other.has_ended
    _check_content(other, expected)
    for name in ("text", "refusal", "reasoning", "details", "images", "finish", "usage"):
        ours, theirs = (_without_made_up_ids(each, name) for each in (one, other))
        if name == "usage" and theirs is not None:
            theirs = {field: value for field, value in theirs.items() if field != "sluice"}
        assert ours == theirs, name
    assert [call[1:] for call in one.tool_calls] == [call[1:] for call in other.tool_calls]
    assert one.message.keys() - {"content", "refusal"} == other.message.keys() - {"content", "refusal"}
    assert whole.outcome.usage == streamed.outcome.usage
    assert whole.outcome.cost_nanousd == streamed.outcome.cost_nanousd
    ours, theirs = ({k: v for k, v in sent(each).items() if k != "stream"} for each in (whole, streamed))
    assert ours == theirs


def test_no_recording_is_left_out() -> None:
    known = TRANSLATED | UNSERVED.keys() | {DIALECT}
    assert {given["dialect"] for given in recorded_files()} <= known
    count = Counter(given["dialect"] for given in recorded_files())
    assert len(recordings()) == sum(count[dialect] for dialect in TRANSLATED)


@pytest.mark.parametrize("dialect", sorted(TRANSLATED))
def test_each_dialect_has_a_module_that_reads_it(dialect: str) -> None:
    module = modules()[dialect]
    for name in ("KIND", "PROVIDER", "MODEL", "ENDPOINT", "asked", "validate", "same_request", "expected"):
        assert callable(getattr(module, name))


@pytest.mark.parametrize("dialect", sorted(STREAMED))
@pytest.mark.parametrize("shape", SHAPES)
def test_our_own_exchanges_have_every_shape(dialect: str, shape: str) -> None:
    assert any(shape in each.kind for each in own_exchanges() if each.dialect == dialect)


@pytest.mark.parametrize("exchange", [pytest.param(each, id=each.id) for each in own_exchanges()])
def test_a_dialects_module_reads_our_own_exchanges_as_written(exchange: Exchange) -> None:
    """The readers are checked too: what ours come to was written beside them by hand."""
    told = json.loads(msgspec.json.encode(exchange.expected))
    said = {name: value for name, value in exchange.given["expect"].items() if name != "cost_usd"}
    assert {name: told[name] for name in said} == said


def _without_made_up_ids(got: Seen, name: str) -> Any:
    """Thoughts that belong to a call name it; where the provider gave the call no id, it has another in each reply."""
    places = {call[0]: index for index, call in enumerate(got.tool_calls)}
    if name != "details":
        return getattr(got, name)
    return [{**each, "id": places.get(each.get("id"), each.get("id"))} for each in got.details]


def _check_content(got: Seen, expected: Expected) -> None:
    assert got.has_ended
    assert got.error is None
    assert (got.text or got.refusal) == expected.text
    assert got.reasoning == expected.reasoning
    assert len(got.tool_calls) == len(expected.tool_calls)
    for ours, theirs in zip(got.tool_calls, expected.tool_calls, strict=True):
        assert ours[1:] == tuple(theirs)[1:]
        assert ours[0]
        assert theirs[0] in ("", ours[0])
    ids = [call[0] for call in got.tool_calls]
    assert len(set(ids)) == len(ids)
    assert len(got.images) == expected.images
    if got.message or got.finish:
        assert got.finish == expected.finish


def _check_usage(exchange: Exchange, played: Played, got: Seen, expected: Expected) -> None:
    outcome = played.outcome
    wanted = {"images": expected.images, **expected.usage}
    bill = wanted.pop("cost_nanousd", None)
    used = {name: getattr(outcome.usage, name) for name in (*TOKEN_KINDS, "images")}
    assert {name: count for name, count in used.items() if count} == {n: c for n, c in wanted.items() if c}
    assert outcome.is_usage_official == bool(expected.usage or expected.images)
    if bill is None:
        bill = _bill(exchange, wanted, played)
    assert outcome.is_priced
    assert outcome.cost_nanousd == bill
    if "cost_usd" in exchange.given.get("expect", {}):
        assert usd(bill) == exchange.given["expect"]["cost_usd"]
    if not played.is_stream:
        assert played.headers["x-sluice-cost-usd"] == usd(bill)
    if got.usage is not None:
        _check_told_usage(got.usage, outcome.usage, is_chat=played.path == CHAT)
        if played.is_stream:
            assert _told_cost(played) == pytest.approx(bill / 1e9)


def _told_cost(played: Played) -> float:
    chunks = [json.loads(line[6:]) for line in played.body.split(b"\n") if line.startswith(b"data: {")]
    (told,) = (chunk["sluice"]["cost_usd"] for chunk in chunks if "sluice" in chunk)
    return told


def _check_told_usage(told: dict[str, Any], usage: Usage, *, is_chat: bool) -> None:
    read, wrote = ("prompt_tokens", "completion_tokens") if is_chat else ("input_tokens", "output_tokens")
    assert (told[read], told[wrote], told["total_tokens"]) == (usage.total_input, usage.total_output, usage.total)
    if is_chat:
        assert told["prompt_tokens_details"]["cached_tokens"] == usage.cached_input + usage.cached_image_input
        assert told["completion_tokens_details"]["reasoning_tokens"] == usage.reasoning


def _bill(exchange: Exchange, used: dict[str, int], played: Played) -> int:
    """What is owed, reckoned apart from the gateway: the provider's own bill if it stated one, else by the list."""
    stated = None
    if exchange.provider == "openrouter":
        stated = (json.loads(exchange.body).get("usage") or {}).get("cost")
    if stated is not None:
        return math.ceil(Fraction(str(stated)) * 10**9)
    price = played.price
    assert price is not None
    read = sum(count for name, count in used.items() if name in TOKEN_KINDS and name not in WRITTEN)
    for tier in price.tiers:
        if read > tier.above_input_tokens:
            price = tier.price
    bill = by_tokens({name: count for name, count in used.items() if name != "images"}, price)
    if used.get("images") and not used.get("image_output"):
        bill += used["images"] * _an_image(price, played.asked)
    return bill


def _an_image(price: Price, asked: dict[str, Any]) -> int:
    quality, size = asked.get("quality", "auto"), asked.get("size", "auto")
    lines = price.per_image
    known = [lines[line] for line in (f"{quality}/{size}", f"{quality}/auto", "default") if line in lines]
    return known[0] if known else max(lines.values(), default=0)


def _check_break(played: Played, got: Seen, expected: Expected) -> None:
    assert expected.error is not None
    assert got.error is not None
    assert set(got.error) >= {"message", "type", "code"}
    assert got.text == expected.text
    assert not got.has_ended
    assert played.outcome.error
    assert played.outcome.attempts[0].error == expected.error[0]
    assert not played.outcome.is_usage_official


def _check_refusal(exchange: Exchange, played: Played, expected: Expected) -> None:
    assert expected.error is not None
    reason, status = expected.error
    assert played.outcome.attempts[0].error == Reason(reason)
    assert played.status == status
    assert played.headers["content-type"] == "application/json"
    error = json.loads(played.body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    if SPEC.exists():
        validate_reply(played.path, "post", status, played.body)
    assert SECRET not in played.body.decode()
    wait = played.headers.get("retry-after")
    asked = expected.retry_after if status in (429, 502) else None
    assert wait == (str(math.ceil(asked)) if asked else None)
    assert played.outcome.cost_nanousd == 0
