"""Settings that a running process can't change: whatever the file says, they stay until it starts anew."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, SecretStr

from gateway.core.errors import Problem
from gateway.settings import Place, Settings
from gateway.settings.observing import Calls, Traces

FIXED: tuple[tuple[str, str], ...] = (
    ("server", "host"),
    ("server", "port"),
    ("server", "workers"),
    ("server", "timezone"),
    ("server", "log"),
    ("server", "notice_s"),
    ("server", "shutdown_grace_s"),
    ("state", "url"),
    ("state", "deadline_ms"),
    ("state", "lease_s"),
    ("state", "replicas"),
    ("state", "journal"),
    *(("calls", name) for name in Calls.model_fields),
    *(("traces", name) for name in Traces.model_fields),
)
"""What is bound, opened or set up once. A table in docs/live-configuration.md says why of each."""


def fixed(settings: Settings) -> dict[Place, object]:
    """What they are in ``settings``, as a file would say it."""
    return {(section, name): _plain(getattr(getattr(settings, section), name)) for section, name in FIXED}


def warning(file: str, place: Place) -> Problem:
    """That the file says something else of this setting. Neither value is shown: a store's URL holds a password."""
    path = ".".join(map(str, place))
    what = "can't change while the gateway runs, and is still what it was at the start"
    return Problem(file, None, path, what, "Restart the gateway, or put back what it was.", is_warning=True)


def _plain(value: Any) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    return value
