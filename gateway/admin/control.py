"""What the control plane looks at. Free of FastAPI, which is loaded only when somebody asks for the control plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from gateway.core.clock import Clock
from gateway.core.errors import Problem
from gateway.core.types import Call, Endpoint, Model
from gateway.health.breaker import Breakers
from gateway.health.vitals import Vitals
from gateway.limits.base import Limit
from gateway.limits.book import Book
from gateway.routing.decision import Decision
from gateway.settings import Settings
from gateway.state.base import Store


class Explainer(Protocol):
    """Says where a call would go, without making it."""

    def call(self, raw: bytes, endpoint: Endpoint, *, key: str | None = None) -> Call:
        """The call that the JSON ``raw`` asks for, made by the key of that name. Raises InvalidRequest."""
        ...

    def decide(self, call: Call) -> Decision:
        """Where it would go now. Raises the CallError that its client would get."""
        ...


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """One configuration in force, and how its targets and counters stand. Everything is read, nothing is changed."""

    settings: Settings
    problems: tuple[Problem, ...]
    """What was found when the settings were read; warnings, since nothing starts with an error."""
    models: Mapping[str, Model]
    base_urls: Mapping[str, str]
    """Where each provider's API is; empty where nobody says."""
    limits: tuple[Limit, ...]
    """Of every scope that the configuration names, the widest first."""
    book: Book
    store: Store
    vitals: Vitals
    breakers: Breakers
    explainer: Explainer
    clock: Clock
