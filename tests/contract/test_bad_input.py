"""Bad bodies: each gets a 4xx in OpenAI's shape that names the field, and none a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.apart import Apart, gateway_apart
from tests.contract.sides import KEY, NO_TLS
from tests.contract.wellformed import CHAT, EDITS, EMBEDDINGS, GENERATIONS, GOOD, JSON_VALUES, check

BUDGET = [{"name": "tests", "key": KEY, "budgets": [{"usd": 1000, "per": "day"}], "limits": {"tpm": 10**12}}]
PATHS = [*GOOD, "/v1/images/variations"]
DEEP = 100_000
fuzz = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def gateway_url() -> Iterator[Apart]:
    with gateway_apart(keys=BUDGET) as served:
        yield served
        assert served.faults == []


@pytest.fixture(scope="module")
def http(gateway_url: Apart) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    with httpx.Client(base_url=gateway_url.url, headers=headers, verify=NO_TLS, timeout=30) as client:
        yield client


def post(http: httpx.Client, path: str, body: Any) -> httpx.Response:
    return check(http.post(path, content=body if isinstance(body, bytes) else json.dumps(body).encode()))


@pytest.mark.parametrize("path", GOOD)
def test_the_good_bodies_are_good(http: httpx.Client, path: str) -> None:
    assert post(http, path, GOOD[path]).status_code == 200


@pytest.mark.parametrize("path", PATHS)
@fuzz
@given(body=JSON_VALUES)
def test_any_json_is_answered(http: httpx.Client, path: str, body: Any) -> None:
    assert 400 <= post(http, path, body).status_code < 500


@pytest.mark.parametrize("path", PATHS)
@fuzz
@given(body=st.binary(max_size=64))
def test_any_bytes_are_answered(http: httpx.Client, path: str, body: bytes) -> None:
    assert 400 <= post(http, path, body).status_code < 500


@pytest.mark.parametrize("path", GOOD)
@fuzz
@given(data=st.data())
def test_a_good_body_with_strange_values_is_answered(http: httpx.Client, path: str, data: st.DataObject) -> None:
    body = dict(GOOD[path])
    names = [*body, "stream", "stream_options", "n", "max_tokens", "user", "route", "tools", "response_format", "mask"]
    changed = data.draw(st.dictionaries(st.sampled_from(names) | st.text(max_size=8), JSON_VALUES, max_size=3))
    post(http, path, {**body, **changed})


@pytest.mark.parametrize("path", GOOD)
@fuzz
@given(data=st.data())
def test_a_good_body_with_broken_bytes_is_answered(http: httpx.Client, path: str, data: st.DataObject) -> None:
    body = bytearray(json.dumps(GOOD[path]).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    post(http, path, bytes(body))


WRONG: dict[str, list[Any]] = {
    "string": [1, True, [], {}, ["a"]],
    "integer": ["1", 1.5, True, [], {}],
    "boolean": ["true", 1, [], {}],
    "array": ["a", 1, True, {}],
    "object": ["a", 1, True, []],
    "number": ["0.5", True, [], {}],
}
CHAT_FIELDS = {
    "model": "string",
    "messages": "array",
    "stream": "boolean",
    "stream_options": "object",
    "n": "integer",
    "max_tokens": "integer",
    "max_completion_tokens": "integer",
    "logprobs": "boolean",
    "user": "string",
    "route": "object",
    "temperature": "number",
    "top_p": "number",
    "seed": "integer",
    "tools": "array",
    "response_format": "object",
    "parallel_tool_calls": "boolean",
    "metadata": "object",
}
IMAGE_FIELDS = {
    "model": "string",
    "prompt": "string",
    "n": "integer",
    "size": "string",
    "quality": "string",
    "background": "string",
    "output_format": "string",
    "stream": "boolean",
    "user": "string",
    "route": "object",
}
FIELDS = {
    CHAT: CHAT_FIELDS,
    GENERATIONS: IMAGE_FIELDS,
    EDITS: {**IMAGE_FIELDS, "images": "array"},
    EMBEDDINGS: {"model": "string", "user": "string", "route": "object"},
}


@pytest.mark.parametrize(("path", "field"), [(path, field) for path, fields in FIELDS.items() for field in fields])
def test_a_field_of_the_wrong_type_is_named(http: httpx.Client, path: str, field: str) -> None:
    for value in WRONG[FIELDS[path][field]]:
        reply = post(http, path, {**GOOD[path], field: value})
        error = reply.json()["error"]
        assert (reply.status_code, error["type"]) == (400, "invalid_request_error"), value
        assert error["param"].partition(".")[0].partition("[")[0] == field, value
        assert field in error["message"], value


@pytest.mark.parametrize(
    ("path", "change", "param"),
    [
        (CHAT, {"model": ""}, "model"),
        (CHAT, {"model": None}, "model"),
        (CHAT, {"model": "m" * 300}, "model"),
        (CHAT, {"messages": None}, "messages"),
        (CHAT, {"messages": []}, "messages"),
        (CHAT, {"n": 0}, "n"),
        (CHAT, {"n": -1}, "n"),
        (CHAT, {"n": 129}, "n"),
        (CHAT, {"n": 10**30}, "n"),
        (CHAT, {"max_tokens": -1}, "max_tokens"),
        (CHAT, {"max_completion_tokens": -(10**30)}, "max_completion_tokens"),
        (CHAT, {"route": {"by": "luck"}}, "route.by"),
        (CHAT, {"route": {"max_cost_usd": -1}}, "route.max_cost_usd"),
        (CHAT, {"route": {"max_latency_ms": 0}}, "route.max_latency_ms"),
        (GENERATIONS, {"prompt": ""}, "prompt"),
        (GENERATIONS, {"n": 0}, "n"),
        (GENERATIONS, {"n": 11}, "n"),
        (GENERATIONS, {"n": 10**30}, "n"),
        (EDITS, {"images": []}, "images"),
        (EDITS, {"images": None}, "images"),
        (EMBEDDINGS, {"input": None}, "input"),
        (EMBEDDINGS, {"input": 5}, "input"),
    ],
)
def test_a_value_that_can_not_be_is_named(http: httpx.Client, path: str, change: dict[str, Any], param: str) -> None:
    reply = post(http, path, {**GOOD[path], **change})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


def test_what_is_wrong_is_said_before_a_provider_is_asked(http: httpx.Client, gateway_url: Apart) -> None:
    before = gateway_url.upstream_requests
    for change in ({"n": "two"}, {"messages": {}}, {"stream": 1}, {"model": 5}, {"route": []}):
        post(http, CHAT, {**GOOD[CHAT], **change})
    assert gateway_url.upstream_requests == before


def raw(**fields: bytes) -> bytes:
    """A chat's body with these fields written as they are."""
    given = {name: json.dumps(value).encode() for name, value in GOOD[CHAT].items()} | fields
    return b"{" + b",".join(b'"%s":%s' % (name.encode(), value) for name, value in given.items()) + b"}"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * DEEP,
        b"[" * DEEP + b"]" * DEEP,
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        raw(messages=b"[" * DEEP + b"]" * DEEP),
        raw(messages=b'[{"role":"user","content":' + b"[" * DEEP + b"]" * DEEP + b"}]"),
        raw(extra=b"[" * DEEP + b"]" * DEEP),
        raw(route=b'{"a":' * DEEP + b"1" + b"}" * DEEP),
        raw(tools=b"[" * DEEP + b"]" * DEEP),
        raw(stream_options=b'{"include_usage":' + b"[" * DEEP + b"]" * DEEP + b"}"),
        raw(response_format=b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    ],
    ids=lambda body: body[:24].decode(),
)
def test_brackets_without_end_are_answered(http: httpx.Client, body: bytes) -> None:
    assert post(http, CHAT, body).status_code == 400


@pytest.mark.parametrize("field", [b"route", b"stream_options", b"user", b"n", b"logprobs", b"tools", b"messages"])
def test_what_is_just_not_too_deep_to_read_is_answered(http: httpx.Client, field: bytes) -> None:
    # A field is read again on its own, from further down the stack than the body was.
    for depth in range(960, 1_000):
        post(http, CHAT, raw(stream=b"true", **{field.decode(): b'{"a":' + b"[" * depth + b"]" * depth + b"}"}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"true",
        b'"text"',
        b"\xef\xbb\xbf{}",
        b"\x00",
        raw(n=b"NaN"),
        raw(n=b"Infinity"),
        raw(n=b"1e999"),
        raw(n=b"1" * 5_000),
        raw(n=b"-" + b"9" * 5_000),
        raw(max_tokens=b"1" * 5_000),
        raw(max_completion_tokens=b"1" + b"0" * 30),
        raw(max_tokens=b"1e400"),
        raw(temperature=b"NaN"),
        raw(user=b'"\xff\xfe"'),
        raw(user=b'"\xed\xa0\x80"'),
        raw(user=b'"\\ud800"'),
        raw(model=b'"\\ud800"'),
        raw(model=b'"\\udfff\\ud800"'),
        raw(messages=b'[{"role":"user","content":"\xff"}]'),
        raw(messages=b'[{"role":"user","content":"\\ud83d"}]'),
        raw(model=b'"a\x00b"'),
        raw(model=b'"a\\u0000b"'),
        raw() + b"x",
        raw()[:-1],
        raw()[:-1] + b",}",
        raw(route=b'{"max_cost_usd":' + b"9" * 5_000 + b"}"),
        raw(route=b'{"max_cost_usd":"NaN"}'),
        raw(route=b'{"max_cost_usd":"Infinity"}'),
        raw(route=b'{"max_cost_usd":1e999999}'),
        raw(route=b'{"max_cost_usd":1e999980}'),
        raw(route=b'{"max_cost_usd":-1e999980}'),
        raw(route=b'{"max_cost_usd":1e-999980,"by":"luck"}'),
        raw(route=b'{"max_latency_ms":1e999}'),
        raw(route=b'{"min_quality":"high"}'),
    ],
    ids=lambda body: repr(body[-48:]),
)
def test_what_is_hardly_json_is_refused(http: httpx.Client, body: bytes) -> None:
    assert 400 <= post(http, CHAT, body).status_code < 500


def test_a_key_given_twice_counts_once_for_all(http: httpx.Client) -> None:
    twice = raw()[:-1] + b',"n":1,"n":2,"model":"gpt-nothing","model":"gpt-5-mini"}'
    reply = post(http, CHAT, twice)
    assert reply.status_code == 200
    # The value that was checked is the one that the provider used.
    assert len(reply.json()["choices"]) == 2


def test_numbers_beyond_every_store_are_refused(http: httpx.Client) -> None:
    for tokens, status in ((2**31 - 1, 429), (10**15, 400), (2**63, 400), (10**40, 400)):
        reply = post(http, CHAT, {**GOOD[CHAT], "max_completion_tokens": tokens})
        assert reply.status_code == status
