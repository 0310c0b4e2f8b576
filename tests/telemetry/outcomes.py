"""Outcomes to observe."""

from __future__ import annotations

from gateway.core.types import Attempt, Endpoint, Outcome
from gateway.core.usage import Usage


def attempt(target="openai/gpt-5-mini", error=None, **changes):
    usual = {
        "target": target,
        "provider": target.split("/")[0],
        "model": target.split("/")[1],
        "started_after_s": 0.001,
        "duration_s": 1.2,
        "ttft_s": 0.3,
        "status": 200,
        "error": error,
    }
    return Attempt(**usual | changes)


def outcome(**changes):
    usual = {
        "id": "req-1",
        "endpoint": Endpoint.CHAT,
        "model": "gpt-5-mini",
        "key": "ci",
        "team": "research",
        "user": "u-7",
        "tags": ("project-x",),
        "stream": True,
        "status": 200,
        "target": "openai/gpt-5-mini",
        "provider": "openai",
        "attempts": (attempt(),),
        "usage": Usage(input=100, cached_input=20, output=41, reasoning=10),
        "is_usage_official": True,
        "cost_nanousd": 1_500_000,
        "held_nanousd": 2_000_000,
        "finish": "stop",
        "at": 1_700_000_000.5,
        "duration_s": 1.3,
        "ttft_s": 0.3,
        "overhead_s": 0.0002,
    }
    return Outcome(**usual | changes)


def failure(status=503, error="no_target_available", **changes):
    nothing = {"target": None, "provider": None, "attempts": (), "usage": Usage(), "cost_nanousd": 0, "ttft_s": None}
    return outcome(status=status, error=error, finish=None, **nothing | changes)
