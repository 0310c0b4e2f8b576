"""A tier that costs more than the price list says never passes a budget unseen."""

from __future__ import annotations

import httpx
import pytest

from tests.serving import serving

CONFIG = {
    "providers": {"sim": {"kind": "simulator", "price": {"input": 1, "output": 2}}},
    "models": {"m": {"targets": ["sim/sim-chat"]}},
    "global": {"budgets": [{"usd": 1, "per": "total"}]},
}


async def asked(config, tier):
    async with serving(config) as gateway, httpx.AsyncClient() as client:
        body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 5, "service_tier": tier}
        return await client.post(f"{gateway.base_url}/chat/completions", json=body)


@pytest.mark.parametrize("tier", ["priority", "fast"])
async def test_a_dearer_tier_is_refused_under_a_budget_naming_the_field(tier):
    reply = await asked(CONFIG, tier)

    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "service_tier"


@pytest.mark.parametrize("tier", ["auto", "default", "flex"])
async def test_a_tier_at_list_price_or_below_is_served(tier):
    assert (await asked(CONFIG, tier)).status_code == 200


async def test_without_a_budget_any_tier_is_the_providers_to_judge():
    assert (await asked({**CONFIG, "global": {}}, "priority")).status_code == 200
