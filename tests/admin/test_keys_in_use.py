"""What the control plane changes of a key, the next call with it meets."""

from __future__ import annotations

from tests.admin.controlling import controlling
from tests.clock import MovableClock

KEYS, TEAMS = "/admin/v1/keys", "/admin/v1/teams"
BODY = {"model": "small", "messages": [{"role": "user", "content": "Hello"}]}


async def status(client, key, body=BODY):
    reply = await client.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"})
    return reply.status_code


async def made(client, **terms):
    reply = await client.post(KEYS, json={"name": "robot", **terms})
    assert reply.status_code == 201, reply.text
    return reply.json()["key"]


async def test_a_key_calls_from_the_moment_it_is_made_until_it_is_revoked():
    async with controlling() as (_, client):
        key = await made(client)
        assert await status(client, key) == 200

        await client.delete(f"{KEYS}/robot")

        assert await status(client, key) == 401


async def test_both_secrets_work_until_the_overlap_ends_and_then_the_new_one_alone():
    clock = MovableClock()
    async with controlling(clock=clock) as (_, client):
        old = await made(client)
        new = (await client.post(f"{KEYS}/robot/rotate", json={"overlap_s": 600})).json()["key"]
        assert [await status(client, key) for key in (old, new)] == [200, 200]

        clock.advance(600)

        assert [await status(client, key) for key in (old, new)] == [401, 200]


async def test_a_rotation_without_overlap_refuses_the_old_secret_at_once():
    async with controlling() as (_, client):
        old = await made(client)
        assert await status(client, old) == 200
        new = (await client.post(f"{KEYS}/robot/rotate", json={"overlap_s": 0})).json()["key"]

        assert [await status(client, key) for key in (old, new)] == [401, 200]


async def test_a_changed_limit_model_and_team_hold_from_the_next_call_on():
    async with controlling() as (_, client):
        key = await made(client)
        assert await status(client, key) == 200

        await client.patch(f"{KEYS}/robot", json={"models": ["picture"]})
        assert await status(client, key) == 403
        await client.post(TEAMS, json={"name": "robots", "limits": {"rpm": 1}})
        await client.patch(f"{KEYS}/robot", json={"models": None, "team": "robots"})
        assert [await status(client, key) for _ in range(2)] == [200, 429]
        await client.patch(f"{TEAMS}/robots", json={"limits": None})
        assert await status(client, key) == 200


async def test_an_expired_key_is_refused_and_taken_again_when_it_is_given_longer():
    clock = MovableClock(at=1_700_000_000.0)
    async with controlling(clock=clock) as (_, client):
        key = await made(client, expires="2023-11-15")
        assert await status(client, key) == 200
        clock.advance(2 * 86_400)
        assert await status(client, key) == 401

        await client.patch(f"{KEYS}/robot", json={"expires": None})

        assert await status(client, key) == 200


async def test_a_team_that_goes_takes_its_keys_with_it():
    async with controlling() as (_, client):
        await client.post(TEAMS, json={"name": "robots"})
        key = await made(client, team="robots")
        assert await status(client, key) == 200

        await client.delete(f"{TEAMS}/robots", params={"revoke_keys": True})

        assert await status(client, key) == 401


async def test_what_a_key_of_the_directory_spent_stands_in_its_budget_and_its_team_s():
    async with controlling() as (served, client):
        key = await made(client, team="research", budgets=[{"usd": 1, "per": "day"}])
        assert await status(client, key) == 200
        await served.until(lambda: served.outcomes)

        used = {
            row["scope"]: row["used"]
            for scope in ("key robot", "team research")
            for row in (await client.get("/admin/v1/usage", params={"scope": scope})).json()["data"]
            if row["measure"] == "budget"
        }

        cost = served.outcomes[0].cost_nanousd
        assert cost > 0
        assert used == {"key robot": cost, "team research": cost}
