"""``/admin/v1/live``: a call that was made is seen, a second or two later."""

from __future__ import annotations

import jsonschema

from tests.admin.controlling import CLIENT_KEY, controlling
from tests.clock import MovableClock

CALL = {"model": "small", "messages": [{"role": "user", "content": "marker of a prompt"}]}


async def test_a_call_is_seen_with_what_it_used_and_cost():
    clock = MovableClock()
    async with controlling(clock=clock) as (served, client):
        headers = {"authorization": f"Bearer {CLIENT_KEY}"}
        await client.post("/v1/chat/completions", json=CALL, headers=headers)
        await client.post("/v1/chat/completions", json={**CALL, "model": "smell"}, headers=headers)
        [call, _] = served.outcomes
        clock.advance(3)
        reply = await client.get("/admin/v1/live")

        document = reply.json()
        [row] = [second["models"]["small"] for second in document["seconds"] if "small" in second["models"]]
        assert (row["calls"], row["failed"], row["refused"]) == (1, 0, 0)
        assert (row["output_tokens"], row["cost_nanousd"]) == (call.usage.total_output, call.cost_nanousd)
        assert sum(row["latency"].values()) == 1
        [other] = [second["models"]["other"] for second in document["seconds"] if "other" in second["models"]]
        assert other["refused"] == 1, "a name that no model has is nobody's"
        assert (document["workers"], document["in_flight"]) == (1, 0)
        assert "marker" not in reply.text
        assert "smell" not in reply.text

        schema = (await client.get("/openapi.json")).json()
        shape = {"$ref": "#/components/schemas/Live", "components": schema["components"]}
        jsonschema.Draft202012Validator(shape).validate(document)


async def test_what_was_seen_is_not_told_again():
    clock = MovableClock()
    async with controlling(clock=clock) as (served, client):
        await client.post("/v1/chat/completions", json=CALL, headers={"authorization": f"Bearer {CLIENT_KEY}"})
        assert len(served.outcomes) == 1
        clock.advance(3)
        first = (await client.get("/admin/v1/live")).json()
        again = (await client.get(f"/admin/v1/live?since={first['through']}")).json()

        assert len(first["seconds"]) == 1
        assert again["seconds"] == []


async def test_since_is_a_second():
    async with controlling() as (_, client):
        reply = await client.get("/admin/v1/live?since=yesterday")

        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "since")
