"""Calls and targets for the tests of limits."""

from __future__ import annotations

from gateway.core.body import JsonBody
from gateway.core.money import Price
from gateway.core.types import UNKNOWN, Call, Caller, Capabilities, Endpoint, Needs, Target


def call(
    endpoint: Endpoint = Endpoint.CHAT,
    *,
    key: str = "ci",
    team: str | None = None,
    caller: Caller | None = None,
    user: str | None = None,
    model: str = "m",
    **needs,
) -> Call:
    return Call(
        id="call",
        endpoint=endpoint,
        model=model,
        caller=caller or Caller(key=key, team=team),
        user=user,
        body=JsonBody(b"{}", {}),
        needs=Needs(**needs),
    )


def target(price: Price | None, capabilities: Capabilities = UNKNOWN, name: str = "a/b") -> Target:
    provider, _, model = name.partition("/")
    return Target(id=name, provider=provider, model=model, price=price, capabilities=capabilities)
