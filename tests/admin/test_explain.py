"""Where a call would go, without making it: the answer is the one that the data plane would act on."""

from __future__ import annotations

import pytest

from gateway.core.errors import Reason, UpstreamError
from tests.admin.controlling import CLIENT_KEY, CONFIG, controlling

EXPLAIN = "/admin/v1/explain"


async def explained(client, **question):
    reply = await client.post(EXPLAIN, json=question)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def test_the_ranked_targets_come_best_first_and_those_left_out_with_their_reason():
    async with controlling() as (_, client):
        found = await explained(client, model="small", prompt="Hello", max_tokens=100)

        assert (found["model"], found["by"], found["refusal"]) == ("small", "cost", None)
        assert [(one["target"], one["model"]) for one in found["ranked"]] == [
            ("cheap/sim-chat", "small"),
            ("fast/sim-chat", "small"),
        ]
        assert found["ranked"][0]["score"] < found["ranked"][1]["score"]
        assert found["ranked"][0]["why"].startswith("about $0.0000")
        assert [(one["target"], one["rule"]) for one in found["left_out"]] == [
            ("away/gpt-5-mini", "provider_off"),
            ("fast/sim-image", "endpoint"),
        ]


async def test_what_a_target_would_likely_cost_and_take_is_told_whatever_orders_them():
    async with controlling() as (_, client):
        found = await explained(client, model="small:quality", prompt="Hello", max_tokens=100)

        cheap = next(one for one in found["ranked"] if one["target"] == "cheap/sim-chat")
        fast = next(one for one in found["ranked"] if one["target"] == "fast/sim-chat")
        # 100 tokens of output at $0.40 and $2.40 a million, and a little for what is read.
        assert 0.00004 < float(cheap["expected_cost_usd"]) < 0.00005
        assert 0.00024 < float(fast["expected_cost_usd"]) < 0.00026
        assert cheap["expected_latency_s"] is None


async def test_a_model_s_name_is_all_that_it_takes():
    async with controlling() as (_, client):
        assert (await explained(client, model="small"))["ranked"]


async def test_a_suffix_and_a_route_ask_as_they_do_in_a_call():
    async with controlling() as (_, client):
        by_suffix = await explained(client, model="small:quality")
        by_route = await explained(client, model="small", route={"providers": {"only": ["fast"]}})

        assert (by_suffix["by"], by_suffix["ranked"][0]["target"]) == ("quality", "fast/sim-chat")
        assert [one["target"] for one in by_route["ranked"]] == ["fast/sim-chat"]


async def test_what_a_call_needs_leaves_out_who_lacks_it():
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    async with controlling() as (_, client):
        found = await explained(client, model="small", tools=[tool])

        assert [one["target"] for one in found["ranked"]] == ["fast/sim-chat"]
        assert "tools" in next(one["reason"] for one in found["left_out"] if one["target"] == "cheap/sim-chat")


async def test_a_key_is_named_and_binds_as_it_does_in_a_call():
    async with controlling() as (_, client):
        found = await explained(client, model="small", key="ci")

        assert [one["target"] for one in found["ranked"]] == ["cheap/sim-chat"]
        assert "region" in next(one["reason"] for one in found["left_out"] if one["target"] == "fast/sim-chat")


async def test_open_breakers_are_seen_and_left_as_they_are():
    async with controlling() as (served, client):
        error = UpstreamError(Reason.RATE_LIMITED, "slow down", retry_after_s=300)
        for target in ("cheap/sim-chat", "fast/sim-chat"):
            served.gateway.breakers.record(target, error)
        found = await explained(client, model="small")

        assert [(one["target"], one["is_last_resort"]) for one in found["ranked"]] == [
            ("cheap/sim-chat", True),
            ("fast/sim-chat", True),
        ]
        assert served.gateway.breakers.state("cheap/sim-chat") == "open"


@pytest.mark.parametrize(
    ("question", "status", "code", "says"),
    [
        ({"model": "smal"}, 404, "model_not_found", "'small'"),
        ({"model": "picture", "key": "ci"}, 403, "model_not_allowed", "'ci'"),
        ({"model": "small", "route": {"regions": ["mars"]}}, 403, "region_not_allowed", "mars"),
        ({"model": "small", "route": {"max_cost_usd": 0}}, 503, "no_target_available", "over $0"),
    ],
)
async def test_a_call_that_would_be_refused_is_answered_with_the_error_that_its_client_would_get(
    question, status, code, says
):
    async with controlling() as (_, client):
        found = await explained(client, **question)

        assert (found["ranked"], found["left_out"], found["by"]) == ([], [], None)
        assert (found["refusal"]["status"], found["refusal"]["code"]) == (status, code)
        assert says in found["refusal"]["message"]


@pytest.mark.parametrize(
    ("question", "target"),
    [
        ({"model": "picture", "endpoint": "images/generations", "prompt": "A cat", "size": "1024x1024"}, "sim-image"),
        ({"model": "picture", "endpoint": "images/generations"}, "sim-image"),
        ({"model": "vectors", "endpoint": "embeddings", "input": ["a", "b"]}, "sim-embedding"),
        ({"model": "vectors", "endpoint": "embeddings"}, "sim-embedding"),
    ],
)
async def test_images_and_embeddings_can_be_asked_about_too(question, target):
    vectors = {"targets": [{"provider": "cheap", "model": "sim-embedding"}]}
    async with controlling({**CONFIG, "models": {**CONFIG["models"], "vectors": vectors}}) as (_, client):
        found = await explained(client, **question)

        assert [one["target"].rpartition("/")[2] for one in found["ranked"]] == [target]


async def test_nothing_is_sent_and_nothing_is_held():
    async with controlling() as (served, client):
        before = (await client.get("/admin/v1/usage")).json()
        await explained(client, model="small", key="ci")

        targets = (await client.get("/admin/v1/targets")).json()["data"]
        after = (await client.get("/admin/v1/usage")).json()
        assert served.outcomes == []
        assert {target["vitals"]["in_flight"] for target in targets} == {0}
        assert {target["vitals"]["whole"]["idle_s"] for target in targets} == {None}
        assert [row["used"] for row in after["data"]] == [row["used"] for row in before["data"]]


async def test_a_call_goes_where_the_explanation_said():
    async with controlling() as (_, client):
        said = await explained(client, model="small", key="ci")
        body = {"model": "small", "messages": [{"role": "user", "content": "Hello"}]}
        reply = await client.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {CLIENT_KEY}"})

        assert reply.status_code == 200, reply.text
        assert reply.headers["x-sluice-provider"] == said["ranked"][0]["provider"]


async def test_a_key_of_the_directory_may_ask_too():
    async with controlling() as (_, client):
        made = await client.post("/admin/v1/keys", json={"name": "made", "models": ["nothing-*"]})
        assert made.status_code == 201, made.text
        refusal = (await explained(client, model="small", key="made"))["refusal"]
        assert (refusal["status"], refusal["code"]) == (403, "model_not_allowed")
        assert (await client.post(EXPLAIN, json={"model": "small", "key": "nobody"})).status_code == 400
