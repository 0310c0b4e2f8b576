"""How limits and budgets stand, in amounts that add up."""

from __future__ import annotations

import pytest

from gateway.limits.base import Consumption
from gateway.limits.book import claims
from gateway.state.base import Reservation
from tests.admin.controlling import CLIENT_KEY, CONFIG, controlling, rows
from tests.clock import FrozenClock

USAGE = "/admin/v1/usage"
NO_LIMITS = {"rpm": None, "tpm": None, "images_per_minute": None, "concurrency": None, "on_outage": {}}


async def test_every_limit_and_budget_is_listed_by_scope():
    async with controlling() as (_, client):
        found = [(row["scope"], row["measure"], row["per"]) for row in rows(await client.get(USAGE))]

        assert found == [
            ("team research", "requests", "minute"),
            ("team research", "budget", "month"),
            ("key ci", "concurrency", None),
            ("key ci", "requests", "minute"),
            ("key ci", "tokens", "minute"),
            ("key ci", "budget", "day"),
            ("model picture", "images", "minute"),
            ("provider fast", "budget", "day"),
        ]


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [("key ci", {"key ci"}), ("key", {"key ci"}), ("team", {"team research"}), ("key c", set()), ("", set())],
)
async def test_usage_can_be_asked_for_by_scope_or_by_kind_of_scope(scope, scopes):
    async with controlling() as (_, client):
        assert {row["scope"] for row in rows(await client.get(USAGE, params={"scope": scope}))} == scopes


async def test_what_is_held_and_what_is_settled_show_in_usd_and_in_nano_dollars():
    clock = FrozenClock(at=1_700_000_000.0)  # 2023-11-14T22:13:20Z
    async with controlling(clock=clock) as (served, client):
        store, book = served.gateway.store, served.gateway.app.parts.pipeline._admission.book
        caller = served.gateway.app.parts.identity.known(CLIENT_KEY.encode())
        limits = [limit for limit in book.of_scopes(caller.scopes) if limit.scope == "key ci"]
        await store.hold([Reservation("a", claims(limits, Consumption(tokens=1_000, cost_nanousd=1_500_000_001)))])
        await store.hold([Reservation("b", claims(limits, Consumption(tokens=500, cost_nanousd=250_000_000)))])
        store.settle("b", [limit.amount(Consumption(tokens=200, cost_nanousd=100_000_000)) for limit in limits])

        slots, requests, tokens, money = rows(await client.get(USAGE, params={"scope": "key ci"}))

        assert (slots["unit"], slots["used"], slots["held"], slots["remaining"]) == ("calls", 1, 1, 7)
        assert (slots["reset_in_s"], slots["usd"]) == (None, None)
        assert (requests["used"], requests["remaining"], requests["reset_in_s"]) == (2, 58, 2.0)
        assert (tokens["unit"], tokens["used"], tokens["remaining"]) == ("tokens", 1_200, 98_800)
        assert money == {
            "scope": "key ci",
            "name": "the $5 per day budget of key ci",
            "measure": "budget",
            "unit": "nanousd",
            "per": "day",
            "limit": 5_000_000_000,
            "used": 1_600_000_001,
            "held": 1_500_000_001,
            "remaining": 3_399_999_999,
            "reset_in_s": 6_400.0,
            "resets_at": "2023-11-15T00:00:00Z",
            "usd": {"limit": "5", "used": "1.600000001", "held": "1.500000001", "remaining": "3.399999999"},
        }


async def test_several_scopes_are_told_of_at_once_and_each_once():
    async with controlling() as (_, client):
        made = await client.post("/admin/v1/keys", json={"name": "made", "budgets": [{"usd": 1, "per": "day"}]})
        assert made.status_code == 201, made.text
        found = rows(await client.get(USAGE, params={"scope": ["key made", "key ci", "key made", "key nobody"]}))

        assert [row["name"] for row in found if row["measure"] == "budget"] == [
            "the $5 per day budget of key ci",
            "the $1 per day budget of key made",
        ]


async def test_more_scopes_than_a_page_has_are_refused():
    async with controlling() as (_, client):
        reply = await client.get(USAGE, params={"scope": [f"key {n}" for n in range(201)]})

        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "scope")


async def test_a_budget_of_all_time_does_not_reset():
    config = {**CONFIG, "global": {"budgets": [{"usd": 1, "per": "total"}]}}
    async with controlling(config) as (_, client):
        (money,) = rows(await client.get(USAGE, params={"scope": "global"}))

        assert (money["per"], money["reset_in_s"], money["resets_at"]) == ("total", None, None)


async def test_looking_takes_nothing():
    async with controlling() as (_, client):
        before = rows(await client.get(USAGE))
        after = rows(await client.get(USAGE))

        assert [row["used"] for row in before] == [row["used"] for row in after] == [0] * len(before)


async def test_what_a_real_call_cost_stands_in_every_budget_that_it_is_under():
    async with controlling() as (served, client):
        body = {"model": "small", "messages": [{"role": "user", "content": "Hello"}]}
        headers = {"authorization": f"Bearer {CLIENT_KEY}"}
        reply = await client.post("/v1/chat/completions", json=body, headers=headers)
        assert reply.status_code == 200, reply.text
        await served.until(lambda: served.outcomes)

        budgets = {row["scope"]: row for row in rows(await client.get(USAGE)) if row["measure"] == "budget"}

        cost = served.outcomes[0].cost_nanousd
        assert cost > 0
        assert budgets["key ci"]["used"] == budgets["team research"]["used"] == cost
        assert budgets["key ci"]["usd"]["used"] == reply.headers["x-sluice-cost-usd"]
        assert budgets["key ci"]["held"] == 0


async def test_keys_and_teams_show_what_they_may_and_never_the_key():
    async with controlling(clock=FrozenClock()) as (_, client):
        ci, other = rows(await client.get("/admin/v1/keys"))
        (team,) = rows(await client.get("/admin/v1/teams"))

        assert ci == {
            "id": None,
            "name": "ci",
            "source": "config",
            "status": "live",
            "team": "research",
            "models": ["sm*"],
            "regions": ["eu"],
            "tags": [],
            "expires_at": "2027-02-01T00:00:00Z",
            "is_expired": False,
            "limits": {"rpm": 60, "tpm": 100_000, "images_per_minute": None, "concurrency": 8, "on_outage": {}},
            "budgets": [{"usd": "5", "nanousd": 5_000_000_000, "per": "day", "on_outage": None}],
            "users": {"limits": NO_LIMITS, "budgets": []},
            "created_at": None,
            "created_by": None,
            "revoked_at": None,
            "overlap_ends_at": None,
            "version": None,
        }
        assert (other["name"], other["team"], other["regions"], other["expires_at"]) == ("open", None, None, None)
        assert (team["name"], team["keys"], team["limits"]["rpm"]) == ("research", ["ci"], 600)


async def test_a_key_is_expired_from_its_moment_on():
    clock = FrozenClock(at=1_801_439_999.0)  # 2027-01-31T23:59:59Z
    async with controlling(clock=clock) as (_, client):
        assert rows(await client.get("/admin/v1/keys"))[0]["is_expired"] is False

        clock.advance(1)

        assert rows(await client.get("/admin/v1/keys"))[0]["is_expired"] is True


async def test_a_gateway_without_keys_or_teams_lists_none():
    config = {name: part for name, part in CONFIG.items() if name not in ("keys", "teams")}
    async with controlling(config) as (_, client):
        assert rows(await client.get("/admin/v1/keys")) == rows(await client.get("/admin/v1/teams")) == []
