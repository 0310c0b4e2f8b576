"""Short words for what tests ask of an engine."""

from __future__ import annotations

import itertools
from typing import Any

from gateway.state.base import Claim, Level, Refusal, Reservation, Rule, Spend
from gateway.state.redis.engine import RedisEngine
from gateway.state.remote import Settlement, Withdrawal

USD = Spend(100, "total")
numbers = itertools.count()


def reservation(*claims: tuple[str, Rule, int], id: str | None = None) -> Reservation:
    return Reservation(id or f"r{next(numbers)}", tuple(Claim(*claim) for claim in claims))


def settlement(of: Reservation, *amounts: int) -> Settlement:
    return Settlement(of.id, of.claims, amounts)


def withdrawal(of: Reservation) -> Withdrawal:
    return Withdrawal(of.id, of.claims)


def is_taken(answer: tuple[Level, ...] | Refusal) -> bool:
    return isinstance(answer, tuple)


async def figures(engine: RedisEngine, key: str, rule: Rule = USD) -> tuple[int, int]:
    """How a counter stands: used, and held of it."""
    (level,) = await engine.levels([Claim(key, rule, 0)])
    return level.used, level.held


def script_calls(client: Any) -> int:
    """How many scripts a server has run so far."""
    stats = client.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha", "eval"))
