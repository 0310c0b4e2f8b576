"""Targets and errors as short as tests want them."""

from __future__ import annotations

from gateway.core.errors import Reason, UpstreamError
from gateway.core.types import Capabilities, Route, Target
from gateway.resilience.course import Course


def target(name: str = "a", *, context: int | None = None) -> Target:
    return Target(id=f"{name}/s", provider=name, model="s", capabilities=Capabilities(context_tokens=context))


def error(reason: Reason = Reason.SERVER_ERROR, **rest) -> UpstreamError:
    return UpstreamError(reason, f"it was {reason.value}", **rest)


def course(*targets: Target, max_attempts: int = 6, **route) -> Course:
    return Course(targets, max_attempts=max_attempts, route=Route(**route))
