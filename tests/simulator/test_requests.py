"""What is wrong with a request is said in OpenAI's error object, with the field's name; nothing makes a 500."""

from __future__ import annotations

import contextlib
from random import Random
from typing import Any

import httpx
import msgspec
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import CallError, InvalidRequest
from gateway.simulator.app import Simulator
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.endpoints import ENDPOINTS
from gateway.simulator.form import Form, parse_form
from gateway.simulator.script import Stamp
from gateway.simulator.server import running
from tests.openapi import SPEC, needs_spec, validate_reply

CHAT = "/v1/chat/completions"
HELLO: Any = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "robot", "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"n": "two"}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"temperature": 2.5}, "temperature"),
        ({"top_p": 7}, "top_p"),
        ({"stop": list("abcde")}, "stop"),
        ({"top_logprobs": 21, "logprobs": True}, "top_logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"tools": []}, "tools"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ],
)
async def test_a_wrong_field_is_named(http: httpx.AsyncClient, fields: dict[str, Any], param: str) -> None:
    reply = await http.post(CHAT, json={"model": "m", "messages": HELLO, **fields})
    assert reply.status_code == 400
    error = reply.json()["error"]
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"
    assert param in error["message"]


@pytest.mark.parametrize("field", ["model", "messages"])
async def test_a_missing_field_is_named(http: httpx.AsyncClient, field: str) -> None:
    body = {"model": "m", "messages": HELLO}
    del body[field]
    error = (await http.post(CHAT, json=body)).json()["error"]
    assert (error["param"], error["code"]) == (field, "missing_required_parameter")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"tools":' + b"[" * 100_000, id="deep"),
        b"",
        b"{",
        b"[]",
        b"null",
        b'"\xff"',
        b"{}",
        b'{"model": 1}',
    ],
)
@pytest.mark.parametrize("path", sorted(ENDPOINTS))
async def test_what_cannot_be_read_is_a_400(http: httpx.AsyncClient, path: str, body: bytes) -> None:
    reply = await http.post(path, content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 400
    assert reply.json()["error"]["type"] == "invalid_request_error"
    if SPEC.exists():
        validate_reply(path, "post", 400, reply.content)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", CHAT, 405),
        ("POST", "/v1/nothing", 404),
        ("GET", "/", 404),
        ("POST", "/v1/models", 404),
        ("POST", "/images/a.png", 404),
    ],
)
async def test_what_is_not_there_is_told(http: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    reply = await http.request(method, path)
    assert reply.status_code == status
    assert path in reply.json()["error"]["message"]


async def test_models_are_listed_and_found(sdk: openai.AsyncOpenAI, http: httpx.AsyncClient) -> None:
    listed = [model.id async for model in sdk.models.list()]
    assert "sim-chat" in listed
    assert (await sdk.models.retrieve("sim-image")).owned_by == "simulator"
    with pytest.raises(openai.NotFoundError):
        await sdk.models.retrieve("none")
    assert (await http.get("/v1/models/none")).json()["error"]["code"] == "model_not_found"


@needs_spec
async def test_models_are_as_openai_documents_them(http: httpx.AsyncClient) -> None:
    validate_reply("/v1/models", "get", 200, (await http.get("/v1/models")).content)
    validate_reply("/v1/models/sim-chat", "get", 200, (await http.get("/v1/models/sim-chat")).content)


async def test_a_key_is_asked_for_where_one_is_set() -> None:
    body = {"model": "m", "messages": HELLO}
    async with running(Simulator(api_key="sk-right")) as url, httpx.AsyncClient(base_url=url) as client:

        async def status(headers: dict[str, str]) -> int:
            return (await client.post("/chat/completions", json=body, headers=headers)).status_code

        assert await status({"authorization": "Bearer sk-right"}) == 200
        assert await status({"api-key": "sk-right"}) == 200
        assert await status({}) == 401
        refused = await client.get("/models", headers={"authorization": "Bearer sk-wrong"})
        assert refused.status_code == 401
        assert refused.json()["error"]["code"] == "invalid_api_key"
        assert "sk-" not in refused.text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
messages = st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": json_values}), max_size=2)
fields = st.dictionaries(
    st.sampled_from(
        [
            "n",
            "stop",
            "tools",
            "tool_choice",
            "response_format",
            "logprobs",
            "top_logprobs",
            "stream",
            "stream_options",
            "max_tokens",
            "seed",
            "prompt",
            "size",
            "quality",
            "background",
            "output_format",
            "partial_images",
            "input",
            "dimensions",
            "images",
            "metadata",
        ]
    ),
    json_values,
    max_size=4,
)
STAMP = Stamp("0" * 24, 1, "http://sim")


def refusal(path: str, fields: dict[str, Any]) -> CallError | None:
    """Why a request is refused; None if it is answered."""
    endpoint = ENDPOINTS[path]
    try:
        request = endpoint.read(b"application/json", msgspec.json.encode({"model": "m", **fields}))
        script = endpoint.reply(request, "m", Behaviour(), STAMP)
    except CallError as error:
        return error
    assert script.events
    return None


@settings(max_examples=200)
@given(st.sampled_from(sorted(ENDPOINTS)), messages, fields)
def test_any_json_is_answered_or_refused(path: str, said: list[Any], more: dict[str, Any]) -> None:
    found = refusal(path, {"messages": said, **more})
    assert found is None or (found.status == 400 and found.message)


@given(json_values)
def test_any_schema_is_met_or_refused(schema: Any) -> None:
    format = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "properties": schema}}}
    found = refusal(CHAT, {"messages": HELLO, "response_format": format})
    assert found is None or found.param == "response_format.json_schema.schema"


parts = st.lists(
    st.tuples(st.sampled_from(["image", "image[]", "prompt", "n", "metadata[sim]"]), st.binary(max_size=50)), max_size=4
)


@given(sent=parts, is_file=st.booleans())
def test_a_form_comes_back_as_it_was_sent(sent: list[tuple[str, bytes]], *, is_file: bool) -> None:
    boundary = f"{Random(1).getrandbits(128):032x}".encode()
    filename = b'; filename="a.png"' if is_file else b""
    body = b"".join(
        b'--%b\r\ncontent-disposition: form-data; name="%b"%b\r\n\r\n%b\r\n' % (boundary, name.encode(), filename, data)
        for name, data in sent
    )
    form = parse_form(b"multipart/form-data; boundary=" + boundary, body + b"--" + boundary + b"--\r\n")
    if is_file:
        assert [(file.name, file.data) for file in form.files] == sent
    else:
        assert form.fields == [(name, data.decode(errors="replace")) for name, data in sent]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (b"multipart/form-data", b""),
        (b"multipart/form-data; boundary=b", b""),
        (b"multipart/form-data; boundary=b", b"no form"),
        (b"multipart/form-data; boundary=b", b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nhalf'),
    ],
)
def test_a_broken_form_is_refused(content_type: bytes, body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_form(content_type, body)


@given(st.binary(max_size=300))
def test_any_bytes_in_a_form_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(InvalidRequest):
        form = parse_form(b"multipart/form-data; boundary=b", b"--b\r\n" + body + b"\r\n--b--\r\n")
        assert isinstance(form, Form)
