"""A store that can't answer is no fault of the client's, and no 500."""

from __future__ import annotations

import httpx

from gateway.core.errors import StoreUnavailable
from tests.serving import serving

CONFIG = {
    "providers": {"sim": {"kind": "simulator", "price": "free"}},
    "models": {"m": {"targets": ["sim/sim-chat"]}},
    "global": {"limits": {"rpm": 100}},
}


async def test_a_call_is_answered_503_by_name_and_recorded_so():
    async def gone(_reservations):
        raise StoreUnavailable("the engine is gone")

    async with serving(CONFIG) as gateway, httpx.AsyncClient() as client:
        gateway.gateway.store.hold = gone
        body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}

        reply = await client.post(f"{gateway.base_url}/chat/completions", json=body)

        assert reply.status_code == 503
        assert reply.json()["error"]["code"] == "store_unavailable"
        assert reply.headers["retry-after"] == "1"
        assert [(outcome.status, outcome.error) for outcome in gateway.outcomes] == [(503, "store_unavailable")]
