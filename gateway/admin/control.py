"""What the control plane looks at. Free of FastAPI, which is loaded only when somebody asks for the control plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

from gateway.alerts.alerts import Alerts
from gateway.core.clock import Clock
from gateway.core.errors import Problem
from gateway.core.types import Call, Caller, Endpoint, Model
from gateway.directory.base import Directory
from gateway.health.breaker import Breakers
from gateway.health.vitals import Vitals
from gateway.limits.base import Limit
from gateway.limits.book import Book
from gateway.routing.decision import Decision
from gateway.settings import Settings
from gateway.spend.base import Spending
from gateway.state.base import Store
from gateway.telemetry.calls.query import Calls
from gateway.telemetry.recent import Recent


class Explainer(Protocol):
    """Says where a call would go, without making it."""

    async def caller(self, key: str | None) -> Caller:
        """The key of this name, the configuration's or the directory's; of None, one that may use everything.

        Raises InvalidRequest and StoreUnavailable.
        """
        ...

    def call(self, raw: bytes, endpoint: Endpoint, *, caller: Caller) -> Call:
        """The call that the JSON ``raw`` asks for, made by ``caller``. Raises InvalidRequest."""
        ...

    def decide(self, call: Call) -> Decision:
        """Where it would go now. Raises the CallError that its client would get."""
        ...


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the wish to read the configuration again."""

    result: Literal["in_force", "unchanged", "refused"]
    """``refused``: the file has errors, and the settings that were in force still are."""
    hash: str
    """Of the settings that are in force now, as ``/readyz`` shows it."""
    problems: tuple[Problem, ...] = ()
    """Of the file that was read: errors, if it was refused; else warnings."""
    needs_restart: tuple[str, ...] = ()
    """Settings of the file, like ``server.port``, that stay as they were until the process starts anew."""


class Reload(Protocol):
    """Reads the configuration's file again and puts it in force, unless it has errors or is the one in force."""

    async def __call__(self, by: str) -> Reloaded:
        """``by`` says who wishes it, for the log. Never raises for what is wrong with the file."""
        ...


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """One configuration in force, and how its targets and counters stand; and what may be changed: the directory."""

    settings: Settings
    hash: str
    """Of the settings without their secrets: ``settings.shown.fingerprint``."""
    problems: tuple[Problem, ...]
    """What was found when the settings were read; warnings, since nothing starts with an error."""
    refused: tuple[Problem, ...] = ()
    """What is wrong with the file as it was last read, if that was refused."""
    reload: Reload
    models: Mapping[str, Model]
    base_urls: Mapping[str, str]
    """Where each provider's API is; empty where nobody says."""
    limits: tuple[Limit, ...]
    """Of every scope that the configuration names, the widest first."""
    book: Book
    store: Store
    directory: Directory
    spending: Spending
    """Reports of what was spent."""
    calls: Calls | None
    """Single calls; None where they are not kept."""
    recent: Recent
    """What calls did lately, second by second."""
    vitals: Vitals
    breakers: Breakers
    alerts: Alerts
    explainer: Explainer
    clock: Clock
