"""Single calls, as the control plane tells them."""

from __future__ import annotations

import json

import jsonschema
import pytest

from gateway.core.money import usd
from tests.admin.controlling import ADMINS, CLIENT_KEY, CONFIG, controlling, error_of
from tests.waiting import until

CALLS = "/admin/v1/calls"
CHAT = {"model": "small", "messages": [{"role": "user", "content": "Hello"}], "user": "u-7"}
MARK = "marker-5e1d"
SECRET = "a secret of the tests, long enough"
CAPTURING = {**CONFIG, "calls": {"capture": {"keys": ["c*"], "secret": SECRET}}}


async def ask(client, path="chat/completions", key=CLIENT_KEY, headers=(), **body):
    return await client.post(
        f"/v1/{path}", json={**CHAT, **body}, headers={"authorization": f"Bearer {key}", **dict(headers)}
    )


async def written(served, count):
    """Until so many calls are in the file."""
    queue = served.gateway.lasting.opened.calls.queues["sqlite"]
    await until(lambda: queue.written == count)


async def listed(client, **params):
    reply = await client.get(CALLS, params=params)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def schema_of(client, path):
    document = (await client.get("/openapi.json")).json()
    schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    return jsonschema.Draft202012Validator({**schema, "components": document["components"]})


async def test_a_call_is_told_with_its_attempts_and_what_it_cost():
    async with controlling() as (served, client):
        reply = await ask(client, headers={"x-sluice-tags": "project-x"})
        assert reply.status_code == 200, reply.text
        await written(served, 1)
        (outcome,) = served.outcomes

        found = await listed(client)
        (call,) = found["data"]
        assert found["next"] is None
        assert call["id"] == reply.headers["x-request-id"]
        assert (call["key"], call["team"], call["user"], call["tags"]) == ("ci", "research", "u-7", ["project-x"])
        assert (call["status"], call["error"], call["level"]) == (200, None, "info")
        assert call["cost_usd"] == usd(outcome.cost_nanousd)
        assert call["usage"]["total_output"] == outcome.usage.total_output
        (attempt,) = call["attempts"]
        assert (attempt["kind"], attempt["target"]) == ("first", call["target"])
        assert attempt["started_after_s"] + attempt["duration_s"] <= call["duration_s"] + 1e-5
        assert call["hold_after_s"] is not None
        assert not call["has_payload"]

        one = await client.get(f"{CALLS}/{call['id']}")
        assert one.json() == call
        (await schema_of(client, CALLS)).validate(found)
        (await schema_of(client, CALLS + "/{call}")).validate(one.json())


async def test_filters_and_pages():
    async with controlling() as (served, client):
        for _ in range(3):
            await ask(client)
        await ask(client, model="no-such")
        await ask(client, key="sk-another-0123456789", stream=True)
        await written(served, 5)

        async def count(**params):
            return len((await listed(client, **params))["data"])

        assert await count(key="ci") == 4
        assert await count(status="4xx") == 1
        assert await count(status="404", failed=True, error="model_not_found") == 1
        assert await count(stream=True) == 1
        assert await count(team="") == 1
        assert await count(endpoint="chat/completions") == 5
        assert await count(min_cost_usd="1000") == 0
        assert await count(since="2099-01-01T00:00:00Z") == 0
        assert await count(until="2099-01-01T00:00:00") == 5

        first = await listed(client, limit=2)
        await ask(client)
        await written(served, 6)
        second = await listed(client, limit=2, cursor=first["next"])
        third = await listed(client, limit=2, cursor=second["next"])
        ids = [call["id"] for page in (first, second, third) for call in page["data"]]
        assert ids == [outcome.id for outcome in reversed(served.outcomes[:5])]
        assert third["next"] is None


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"limit": "501"}, "limit"),
        ({"status": "6xx"}, "status"),
        ({"status": "abc"}, "status"),
        ({"cursor": "nothing"}, "cursor"),
        ({"cursor": "-1"}, "cursor"),
        ({"since": "yesterday"}, "since"),
        ({"keys": "ci"}, "keys"),
        ({"endpoint": "models"}, "endpoint"),
        ({"min_cost_usd": "-1"}, "min_cost_usd"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_not_understood_is_a_400_that_names_the_field(admin, params, param):
    reply = await admin.get(CALLS, params=params)

    assert reply.status_code == 400
    assert error_of(reply)["param"] == param


@pytest.mark.asyncio(loop_scope="module")
async def test_a_call_that_is_not_there_is_a_404(admin):
    for path in ("nobody", "nobody/payload"):
        reply = await admin.get(f"{CALLS}/{path}")
        assert (reply.status_code, error_of(reply)["code"]) == (404, "not_found")


async def test_where_calls_are_not_kept_that_is_said():
    async with controlling({**CONFIG, "calls": {"enabled": False}}) as (served, client):
        await ask(client)
        reply = await client.get(CALLS)
        assert (reply.status_code, error_of(reply)["code"]) == (404, "calls_disabled")
        assert served.gateway.lasting.opened.calls.queues == {}


async def test_what_was_said_is_for_admins_who_are_written_down():
    async with controlling(CAPTURING) as (served, client):
        reply = await ask(client, messages=[{"role": "user", "content": MARK}])
        other = await ask(client, key="sk-another-0123456789", messages=[{"role": "user", "content": MARK}])
        await written(served, 2)
        path = f"{CALLS}/{reply.headers['x-request-id']}/payload"

        found = (await client.get(path)).json()
        assert MARK in found["request"]
        assert json.loads(found["reply"]) == reply.json()
        assert (found["whole"], found["reply_bytes"]) == (True, len(found["reply"]))
        (await schema_of(client, CALLS + "/{call}/payload")).validate(found)
        assert (await client.get(path, headers={"authorization": f"Bearer {ADMINS['operator']}"})).status_code == 403
        assert (await client.get(f"{CALLS}/{other.headers['x-request-id']}/payload")).status_code == 404
        looks = (await client.get("/admin/v1/audit")).json()["data"]
        assert [(entry["by"], entry["action"], entry["subject"]) for entry in looks] == [
            ("admin", "call.payload", f"call {reply.headers['x-request-id']}")
        ]
        assert MARK not in json.dumps(await listed(client))


async def test_nobody_hides_a_call_behind_its_id():
    # Clients choose ids, strangers too, whose requests are refused.
    async with controlling(CAPTURING) as (served, client):
        id = (await ask(client, messages=[{"role": "user", "content": MARK}])).headers["x-request-id"]
        again = await ask(client, key="sk-stranger-0123456789", headers={"x-request-id": id})
        assert (again.status_code, again.headers["x-request-id"]) == (401, id)
        await written(served, 2)

        stranger, call = (await listed(client, id=id))["data"]
        assert (await client.get(f"{CALLS}/{id}")).json() == stranger
        this = {"number": call["number"]}
        assert (await client.get(f"{CALLS}/{id}", params=this)).json() == call
        assert MARK in (await client.get(f"{CALLS}/{id}/payload", params=this)).json()["request"]
        (look,) = (await client.get("/admin/v1/audit")).json()["data"]
        assert look["subject"] == f"call {id}, number {call['number']}"
        for number, status in ((stranger["number"], 404), ("1", 404), ("7" + "f" * 15, 400)):
            reply = await client.get(f"{CALLS}/{id}/payload", params={"number": number})
            assert reply.status_code == status
        assert error_of(reply)["param"] == "number"


async def test_a_log_that_cannot_be_read_is_not_told_as_an_outage_of_the_store(tmp_path):
    path = tmp_path / "calls.db"
    path.mkdir()
    async with controlling({**CONFIG, "calls": {"path": str(path)}}) as (_, client):
        assert (await ask(client)).status_code == 200
        for question in (CALLS, f"{CALLS}/x"):
            reply = await client.get(question)
            assert (reply.status_code, error_of(reply)["code"]) == (503, "calls_unavailable")
            assert str(tmp_path) not in reply.text


async def test_what_another_secret_sealed_is_a_409_and_the_rest_goes_on(tmp_path):
    calls = {**CAPTURING["calls"], "path": str(tmp_path / "calls.db")}
    async with controlling({**CAPTURING, "calls": calls}) as (served, client):
        before = (await ask(client)).headers["x-request-id"]
        await written(served, 1)
    other = {**calls, "capture": {"keys": ["c*"], "secret": SECRET + "!"}}
    async with controlling({**CAPTURING, "calls": other}) as (served, client):
        after = (await ask(client)).headers["x-request-id"]
        await written(served, 1)

        reply = await client.get(f"{CALLS}/{before}/payload")
        assert (reply.status_code, error_of(reply)["code"]) == (409, "sealed_with_another_secret")
        assert (await client.get(f"{CALLS}/{after}/payload")).status_code == 200
        assert {call["id"] for call in (await listed(client))["data"]} == {before, after}
    async with controlling({**CONFIG, "calls": {"path": calls["path"]}}) as (_, client):
        assert (await client.get(f"{CALLS}/{after}/payload")).status_code == 409
