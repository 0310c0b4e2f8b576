"""Tags: from the key, its team and a header to the record of the call, and to no provider."""

from __future__ import annotations

import json

import httpx
import pytest
from msgspec.structs import replace

from gateway.core.errors import InvalidRequest
from gateway.core.types import Caller
from gateway.edge.chat import chat_call
from tests.edge.asgi import asking, body
from tests.serving import serving
from tests.upstream import ScriptedUpstream, Send, read_request, reply

HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
KEY = "sk-client-0123456789"


def call(*, key=(), header=()):
    caller = Caller(key="ci", tags=tuple(key))
    return chat_call(replace(asking(), caller=caller, tags=tuple(header)), body(**HELLO))


def test_a_call_has_the_tags_of_its_key_and_those_of_its_header_each_once():
    assert call(key=["a", "b"]).tags == ("a", "b")
    assert call(key=["a", "b"], header=["c", "a", "c"]).tags == ("a", "b", "c")
    assert call().tags == ()


def test_a_call_has_sixteen_tags_at_most():
    ten = [f"k{number}" for number in range(10)]

    assert len(call(key=ten, header=[*ten, *"abcdef"]).tags) == 16
    with pytest.raises(InvalidRequest, match="more than 16 tags") as refused:
        call(key=ten, header="abcdefg")
    assert refused.value.param == "x-sluice-tags"


def config(url):
    return {
        "providers": {"p": {"kind": "openai", "api_key": "upstream-key-0123456789", "base_url": f"{url}/v1"}},
        "models": {"m": {"targets": [{"provider": "p", "model": "s", "price": "free"}]}},
        "teams": {"research": {"tags": ["cost-centre=7"]}},
        "keys": [{"name": "ci", "key": KEY, "team": "research", "tags": ["bot"]}],
    }


async def test_tags_are_in_the_record_and_no_header_of_them_goes_to_the_provider():
    answer = {"choices": [{"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]}
    script = [read_request, Send(reply(json.dumps(answer).encode()))]
    async with ScriptedUpstream(script) as upstream, serving(config(upstream.origin)) as served:
        async with httpx.AsyncClient(headers={"authorization": f"Bearer {KEY}"}) as client:
            headers = {"x-sluice-tags": "project-x, bot"}
            found = await client.post(f"{served.base_url}/chat/completions", json=HELLO, headers=headers)
            assert found.status_code == 200, found.text
            await served.until(lambda: served.outcomes)

        assert served.outcomes[0].tags == ("cost-centre=7", "bot", "project-x")
        (request,) = upstream.requests
        assert b"tags" not in request.head.lower()
        assert b"project-x" not in request.head + request.body


@pytest.mark.parametrize("value", ["two words", ",".join(f"t{n}" for n in range(17))])
async def test_tags_that_can_not_be_are_a_400_that_names_the_header(value):
    async with serving(config("http://127.0.0.1:9")) as served, httpx.AsyncClient() as client:
        headers = {"authorization": f"Bearer {KEY}", "x-sluice-tags": value}
        found = await client.post(f"{served.base_url}/chat/completions", json=HELLO, headers=headers)

        assert (found.status_code, found.json()["error"]["param"]) == (400, "x-sluice-tags")
