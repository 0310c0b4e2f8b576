"""The data plane's paths and methods."""

from __future__ import annotations

import pytest

from tests.client import CHAT, Client, ask, chat, get
from tests.serving import serving

CONFIG = {
    "providers": {"sim": {"kind": "simulator", "price": "free"}},
    "models": {"gpt-small": {"targets": ["sim/sim-chat"]}, "draw": {"targets": ["sim/sim-image"]}},
    "keys": [
        {"name": "all", "key": "sk-all-0123456789"},
        {"name": "gpt", "key": "sk-gpt-0123456789", "models": ["gpt-*"]},
    ],
}
ALL, GPT = "sk-all-0123456789", "sk-gpt-0123456789"


@pytest.fixture
async def url():
    async with serving(CONFIG) as gateway:
        yield gateway.url


async def test_models_are_those_that_the_key_may_use(url):
    everything = await get(url, "/v1/models", key=ALL)
    some = await get(url, "/v1/models", key=GPT)

    assert [model["id"] for model in everything.json["data"]] == ["gpt-small", "draw"]
    assert [model["id"] for model in some.json["data"]] == ["gpt-small"]


async def test_one_model_may_be_asked_for(url):
    assert (await get(url, "/v1/models/gpt-small", key=GPT)).json["object"] == "model"
    for name in ("draw", "nothing", "a%2Fb", "gpt-smal%256c"):
        answer = await get(url, f"/v1/models/{name}", key=GPT)
        assert (answer.status, answer.code) == (404, "model_not_found")


async def test_a_model_that_the_key_may_not_use_is_forbidden(url):
    answer = await ask(url, CHAT, chat(model="draw"), key=GPT)

    assert (answer.status, answer.code) == (403, "model_not_allowed")


async def test_a_near_miss_is_named(url):
    answer = await ask(url, CHAT, chat(model="gpt-smal"), key=ALL)

    assert (answer.status, answer.code) == (404, "model_not_found")
    assert "gpt-small" in answer.json["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models"])
async def test_the_wrong_method_names_the_right_one(url, path):
    async with Client(url, ALL) as client:
        if path.endswith("models"):
            client.send(path, b"{}")
        else:
            client.get(path)
        answer = await client.answer()

    assert answer.status == 405
    assert answer.headers["allow"] == ("GET" if path.endswith("models") else "POST")


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/completions", "/v2/chat/completions", "/nothing"])
async def test_what_is_not_there_is_a_404_in_openais_words(url, path):
    answer = await get(url, path)

    assert answer.status == 404
    assert set(answer.json["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_operations_need_no_key(url, path):
    assert (await get(url, path, key="")).status == 200


async def test_a_refused_request_leaves_the_connection_fit_for_the_next(url):
    async with Client(url, ALL) as client:
        assert (await client.ask(CHAT, b"{")).status == 400
        assert (await client.ask(CHAT, {"model": "gpt-small"})).status == 400
        assert (await client.chat(model="gpt-small")).status == 200
        assert (await client.chat(model="gpt-small", stream=True)).events[-1] == b"[DONE]"


async def test_every_reply_has_the_clients_own_id_or_a_new_one(url):
    async with Client(url, ALL) as client:
        mine = await client.ask(CHAT, chat(model="gpt-small"), headers={"x-request-id": "mine-1"})
        first, second = await client.chat(model="gpt-small"), await client.chat(model="gpt-small")

    assert mine.headers["x-request-id"] == "mine-1"
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
