"""What was spent, as the control plane tells it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import jsonschema
import pytest

from gateway.spend.base import Amounts, Cell
from tests.admin.controlling import CLIENT_KEY, CONFIG, controlling, error_of
from tests.clock import FrozenClock

SPEND = "/admin/v1/spend"
NOON = 1_795_176_000.0
"""2026-11-20T12:00:00Z."""

ROWS = {
    Cell("2026-11-20", "ci", "research", "small", "cheap", ("bot", "x")): Amounts(1_500_000_001, 3, 30, 9, 0),
    Cell("2026-11-19", "ci", "research", "small", "fast", ("bot",)): Amounts(2_000_000_000, 2, 20, 8, 0),
    Cell("2026-11-19", "open", "", "picture", "fast"): Amounts(50_000_000, 1, 10, 0, 1),
    Cell("2026-10-01", "ci", "research", "small", "fast", ("bot",)): Amounts(7, 1, 1, 1, 0),
}


@pytest.fixture
async def client():
    async with controlling(clock=FrozenClock(NOON)) as (served, client):
        await served.gateway.lasting.opened.spending.add("a", ROWS)
        yield client


async def ask(client, **params):
    reply = await client.get(SPEND, params=params)
    assert reply.status_code == 200, reply.text
    return reply.json()


def groups(found):
    return [(*row["group"].values(), row["cost_nanousd"]) for row in found["data"]]


async def test_a_month_by_day_where_nothing_is_said(client):
    found = await ask(client)

    assert found == {
        "object": "list",
        "by": ["day"],
        "from": "2026-10-22",
        "to": "2026-11-20",
        "timezone": "UTC",
        "data": [
            {
                "group": {"day": "2026-11-19"},
                "cost_usd": "2.05",
                "cost_nanousd": 2_050_000_000,
                "requests": 3,
                "input_tokens": 30,
                "output_tokens": 8,
                "images": 1,
            },
            {
                "group": {"day": "2026-11-20"},
                "cost_usd": "1.500000001",
                "cost_nanousd": 1_500_000_001,
                "requests": 3,
                "input_tokens": 30,
                "output_tokens": 9,
                "images": 0,
            },
        ],
        "left_out": 0,
        "total": {
            "cost_usd": "3.550000001",
            "cost_nanousd": 3_550_000_001,
            "requests": 6,
            "input_tokens": 60,
            "output_tokens": 17,
            "images": 1,
        },
    }


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"by": "team,day", "key": "ci", "to": "2026-11-19"}, [("research", "2026-11-19", 2_000_000_000)]),
        ({"by": "key"}, [("ci", 3_500_000_001), ("open", 50_000_000)]),
        ({"by": "model"}, [("small", 3_500_000_001), ("picture", 50_000_000)]),
        ({"by": "provider", "to": "2026-11-19"}, [("fast", 2_050_000_000)]),
        ({"by": "tag"}, [("bot", 3_500_000_001), ("x", 1_500_000_001), ("", 50_000_000)]),
        ({"by": "provider", "tag": "bot"}, [("fast", 2_000_000_000), ("cheap", 1_500_000_001)]),
        ({"by": "key", "team": ""}, [("open", 50_000_000)]),
        ({"by": "key", "key": "nobody"}, []),
        ({"by": "", "from": "2026-01-01"}, [(3_550_000_008,)]),
        ({"by": "day", "from": "2026-11-20", "to": "2026-11-20"}, [("2026-11-20", 1_500_000_001)]),
    ],
)  # fmt: skip
async def test_sums_by_every_dimension_and_of_each(client, params, expected):
    assert groups(await ask(client, **params)) == expected


async def test_by_tag_the_total_has_each_call_once(client):
    assert (await ask(client, by="tag"))["total"]["cost_nanousd"] == 3_550_000_001


async def test_rows_past_the_limit_are_counted_and_in_the_total(client):
    found = await ask(client, by="day,key", limit=1)

    assert (len(found["data"]), found["left_out"]) == (1, 2)
    assert found["total"]["requests"] == 6


async def test_a_spreadsheet_gets_csv(client):
    reply = await client.get(SPEND, params={"by": "key,day"}, headers={"accept": "text/csv"})

    assert reply.headers["content-type"].startswith("text/csv")
    names, first, *rest = csv.reader(io.StringIO(reply.text))
    assert names == ["key", "day", "cost_usd", "cost_nanousd", "requests", "input_tokens", "output_tokens", "images"]
    assert first == ["ci", "2026-11-19", "2", "2000000000", "2", "20", "8", "0"]
    assert len(rest) == 2


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"by": "user"}, "by"),
        ({"by": "day,day"}, "by"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "from"),
        ({"limit": "0"}, "limit"),
        ({"limit": "10001"}, "limit"),
        ({"teams": "research"}, "teams"),
    ],
)
async def test_what_is_not_understood_is_a_400_that_names_the_field(client, params, param):
    reply = await client.get(SPEND, params=params)

    assert reply.status_code == 400
    assert error_of(reply)["param"] == param


async def test_the_reply_is_what_the_documentation_says(client):
    document = (await client.get("/openapi.json")).json()
    schema = document["paths"][SPEND]["get"]["responses"]["200"]["content"]["application/json"]["schema"]

    jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(await ask(client))


async def test_days_are_those_of_the_gateways_zone():
    config = {**CONFIG, "server": {**CONFIG["server"], "timezone": "Pacific/Auckland"}}
    async with controlling(config, clock=FrozenClock(NOON)) as (_, client):
        found = await ask(client)

        assert (found["to"], found["timezone"]) == ("2026-11-21", "Pacific/Auckland")


async def test_a_viewer_may_look_and_a_stranger_may_not():
    viewer = "viewer-0123456789abcdef"
    config = {**CONFIG, "admins": [{"name": "eve", "key": viewer, "role": "viewer"}]}
    async with controlling(config, admin_key=viewer) as (_, client):
        assert (await client.get(SPEND)).status_code == 200
        assert (await client.get(SPEND, headers={"authorization": f"Bearer {CLIENT_KEY}"})).status_code == 401


@pytest.mark.parametrize("scheme", ["memory", "sqlite"])
async def test_what_calls_cost_is_reported_to_the_nano_dollar_under_every_name(scheme, tmp_path):
    url = {"memory": "memory://", "sqlite": f"sqlite:///{Path(tmp_path)}/sluice.db"}[scheme]
    config = json.loads(json.dumps({**CONFIG, "state": {"url": url}}))
    config["keys"][0] |= {"tags": ["bot"], "expires": "2099-01-01"}
    async with controlling(config) as (served, client):
        body = {"model": "small", "messages": [{"role": "user", "content": "Hello"}]}
        headers = {"authorization": f"Bearer {CLIENT_KEY}", "x-sluice-tags": "project-x"}
        for _ in range(3):
            reply = await client.post("/v1/chat/completions", json=body, headers=headers)
            assert reply.status_code == 200, reply.text
        refused = await client.post("/v1/chat/completions", json={**body, "model": "no-such"}, headers=headers)
        assert refused.status_code == 404
        await served.until(lambda: len(served.outcomes) == 4)
        assert await served.gateway.lasting.opened.reporter.flush()

        cost = sum(outcome.cost_nanousd for outcome in served.outcomes)
        assert cost > 0
        found = await ask(client, by="key,team,model,provider,tag")
        assert groups(found) == [
            ("ci", "research", "small", "cheap", "bot", cost),
            ("ci", "research", "small", "cheap", "project-x", cost),
        ]
        assert found["total"]["requests"] == 3
        assert found["total"]["cost_nanousd"] == cost
