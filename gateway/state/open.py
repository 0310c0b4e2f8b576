"""From a URL to a store that one process keeps for itself."""

from __future__ import annotations

from datetime import UTC, tzinfo
from pathlib import Path

from gateway.core.clock import Clock
from gateway.core.errors import ConfigError, Problem
from gateway.state.base import Store
from gateway.state.memory import MemoryStore
from gateway.state.sqlite import SqliteStore


def open_store(url: str, clock: Clock, zone: tzinfo = UTC) -> Store:
    """The store that ``url`` names, not yet started: ``memory://``, ``sqlite:///a/relative/path`` or
    ``sqlite:////an/absolute/path``.

    Raises ConfigError for any other. Its message never repeats the URL, which may hold a password.
    """
    scheme, found, rest = url.partition("://")
    if scheme == "memory" and found and rest in {"", "/"}:
        return MemoryStore(clock, zone)
    if scheme == "sqlite" and rest.startswith("/") and _is_file(rest[1:]):
        return SqliteStore(Path(rest[1:]), clock, zone)
    raise ConfigError([Problem("configuration", None, "state.url", *_unopened(scheme))])


def _is_file(path: str) -> bool:
    return not path.endswith("/") and bool(path) and "?" not in path and path != ":memory:"


def _unopened(scheme: str) -> tuple[str, str]:
    """What is wrong with a store that can't be opened, and the fix."""
    if scheme == "sqlite":
        return (
            "a sqlite store needs the path of a file, without options",
            "write sqlite:///data/sluice.db (relative) or sqlite:////var/lib/sluice/sluice.db (absolute)",
        )
    return (
        "there is no store of this kind in one process",
        "use sqlite:///data/sluice.db to keep budgets over restarts, or memory:// to keep nothing",
    )
